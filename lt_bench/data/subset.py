"""The annotations of some images of a file, as a file of their own."""

from __future__ import annotations

import json
from collections.abc import Collection

import numpy as np

from lt_bench.data.annotation_index.entries import EXHAUSTIVE
from lt_bench.data.lvis import LVISFile


def subset(file: LVISFile, images: Collection[int]) -> list[bytes]:
    """The JSON of a part of an annotation file: these images, their annotations, and all categories as they are.

    images: positions in the file. Annotations of images that the file lacks are kept, for whoever checks it.
    """
    rows = sorted(images)
    kept = np.isin(file.columns["image_row"], rows) | (file.columns["image_row"] < 0)
    said = b'"%s": true, ' % EXHAUSTIVE.encode() if file.exhaustive else b""
    return [
        b'{%s"images": [%s], ' % (said, b",\n".join(map(file.images.raw, rows))),
        b'"annotations": [%s], ' % b",\n".join(map(file.annotations.raw, np.flatnonzero(kept).tolist())),
        b'"categories": %s}' % json.dumps(file.categories).encode(),
    ]

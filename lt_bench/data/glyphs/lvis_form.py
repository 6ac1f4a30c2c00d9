"""The annotation files of a glyph data set: LVIS v1's JSON, with masks as uncompressed run lengths.

LVIS itself has polygons, which cannot hold a letter's holes exactly. Everything that reads COCO or LVIS annotations
(pycocotools, lvis-api, mmdet) reads run lengths in the same place.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lt_bench.data.glyphs.font import Glyph
from lt_bench.data.glyphs.plan import ImagePlan
from lt_bench.data.glyphs.presets import Preset, frequency

URL = "http://images.cocodataset.org/"  # readers of LVIS v1 cut this prefix off to get the path; nothing is fetched
LICENSE = {
    "id": 1,
    "name": "Bitstream Vera and DejaVu font licence",
    "url": "https://dejavu-fonts.github.io/License.html",
}


class Mask(NamedTuple):
    """An instance to annotate: its class, the run lengths of its visible mask, and what follows from that mask."""

    label: int
    size: tuple[int, int]
    counts: list[int]
    area: int
    bbox: tuple[int, int, int, int]


def lvis_mask(label: int, mask: NDArray[np.bool_]) -> Mask:
    """A visible mask, bool [H, W] with at least one pixel set, in run-length form.

    The run lengths go down the columns, zeros first; the area is the number of pixels; the box is
    (x, y, width, height), tight.
    """
    height, width = mask.shape
    flat = np.concatenate(([False], mask.ravel(order="F")))
    ends = np.append(np.flatnonzero(flat[1:] != flat[:-1]), mask.size)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    x, y = int(columns[0]), int(rows[0])
    return Mask(
        label=label,
        size=(height, width),
        counts=np.diff(ends, prepend=0).tolist(),
        area=int(mask.sum()),
        bbox=(x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y),
    )


def file_name(image_id: int) -> str:
    return f"{image_id:012d}.bmp"


def lvis_annotations(ids: Sequence[int], masks: Sequence[Sequence[Mask]]) -> list[dict[str, Any]]:
    """The annotations of the images `ids`; their own ids count from 1."""
    pairs = [(image_id, mask) for image_id, found in zip(ids, masks, strict=True) for mask in found]
    return [
        {
            "id": number,
            "image_id": image_id,
            "category_id": mask.label + 1,
            "bbox": mask.bbox,
            "area": mask.area,
            "segmentation": {"size": mask.size, "counts": mask.counts},
        }
        for number, (image_id, mask) in enumerate(pairs, start=1)
    ]


def lvis_categories(glyphs: Sequence[Glyph], annotations: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The categories, with what the training annotations say about how often each occurs."""
    instances = Counter(item["category_id"] for item in annotations)
    images = Counter(category for _, category in {(item["image_id"], item["category_id"]) for item in annotations})
    return [
        {
            "id": number,
            "name": glyph.name,
            "synset": f"{glyph.description.lower().replace(' ', '_')}.{glyph.face.lower()}",
            "synonyms": [glyph.name],
            "def": f"{glyph.description.lower()} in the font {glyph.face}",
            "image_count": images[number],
            "instance_count": instances[number],
            "frequency": frequency(images[number]),
        }
        for number, glyph in enumerate(glyphs, start=1)
    ]


def lvis_document(
    preset: Preset,
    folder: str,
    images: Iterable[tuple[int, ImagePlan]],
    annotations: list[dict[str, Any]],
    categories: list[dict[str, Any]],
) -> dict[str, Any]:
    """One annotation file; `images` are the ids and plans of those in `folder`."""
    return {
        "info": {"version": "v1.0", "description": f"embedded data set {preset.name}, seed {preset.seed}"},
        "licenses": [LICENSE],
        "categories": categories,
        "images": [
            {
                "id": image_id,
                "width": preset.image_size,
                "height": preset.image_size,
                "coco_url": f"{URL}{folder}/{file_name(image_id)}",
                "flickr_url": "",
                "date_captured": "",
                "license": LICENSE["id"],
                "neg_category_ids": [label + 1 for label in image.negatives],
                "not_exhaustive_category_ids": [label + 1 for label in image.not_exhaustive],
            }
            for image_id, image in images
        ],
        "annotations": annotations,
    }


def dumped(document: object) -> bytes:
    """JSON, as all of a data set's files have it."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()

"""The validation annotations of a glyph data set without its images, which take most of the time to make.

Where the glyphs of an image lie is decided before anything is painted, and of the training images the categories need
the classes alone.
"""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np

from lt_bench.data.cache import cache_folder
from lt_bench.data.glyphs.build import MANIFEST, classes, name_of
from lt_bench.data.glyphs.lvis_form import Mask, dumped, lvis_annotations, lvis_categories, lvis_document, lvis_mask
from lt_bench.data.glyphs.plan import TRAIN, VAL, ImagePlan, plan
from lt_bench.data.glyphs.presets import Preset
from lt_bench.data.glyphs.render import layout, masks
from lt_bench.utils.files import sha256_of, write_atomic

ANNOTATIONS = "annotations/lvis_v1_val.json"  # in the folder of a data set


def val_file(preset: Preset) -> Path:
    """The file of the validation annotations in the cache: that of the data set if it is there, else made alone.

    Raises OSError when it is not there and can't be written.
    """
    name = name_of(preset)
    root, alone = cache_folder() / name, cache_folder() / "val_annotations" / f"{name}.json"
    if _is_as_made(root):
        return root / ANNOTATIONS
    content = val_annotations(preset)
    if not (alone.is_file() and alone.read_bytes() == content):
        write_atomic(alone, [content])
    return alone


@cache
def val_annotations(preset: Preset) -> bytes:
    """What the file of the validation annotations holds."""
    glyphs, train, val = classes(preset), plan(preset, TRAIN), plan(preset, VAL)
    first = 1 + len(train)
    counted = lvis_annotations(range(1, first), [_without_masks(image) for image in train])
    found = []
    for image_id, image in enumerate(val, start=first):
        rng = np.random.default_rng([preset.seed, VAL, image_id])
        placed = masks(*layout(preset, [glyphs[label] for label, _ in image.objects], rng))
        pairs = zip(image.objects, placed, strict=True)
        found.append([lvis_mask(label, mask) for (label, annotated), mask in pairs if annotated])
    ids = range(first, first + len(val))
    categories = lvis_categories(glyphs, counted)
    images = zip(ids, val, strict=True)
    return dumped(lvis_document(preset, "val2017", images, lvis_annotations(ids, found), categories))


def _without_masks(image: ImagePlan) -> list[Mask]:
    return [Mask(label, (0, 0), [], 0, (0, 0, 0, 0)) for label, annotated in image.objects if annotated]


def _is_as_made(root: Path) -> bool:
    """Whether the annotations of a data set are there, and those that its manifest names."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        manifest = json.loads((root / MANIFEST).read_text(encoding="utf-8"))
        return bool(manifest["annotations"][ANNOTATIONS] == sha256_of(root / ANNOTATIONS))
    return False

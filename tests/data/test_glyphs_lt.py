"""The preset `glyphs-lt`, by its plan, which is painted as that of any preset (test_glyphs.py); and that the presets
before it stayed as they were.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lt_bench.data.glyphs.build import classes
from lt_bench.data.glyphs.font import SIGNATURE, bitmap
from lt_bench.data.glyphs.plan import TRAIN, VAL, ImagePlan, plan, train_image_counts, val_image_counts
from lt_bench.data.glyphs.presets import PRESETS, frequency

PRESET = PRESETS["glyphs-lt"]
PLANS = {  # SHA-256 of the plans of both splits
    "glyphs": "1390e40c87457329093c1798d3c59931fa7df9c774860876162c7f1f0d95359b",
    "glyphs-lt": "cb3a27ecb2792ee050b8ba127c7e16b9af51d2c85f0b462ed6213b63f6dac1b7",
    "glyphs-1203": "124f05cca60b38d147743a2906cef054877354f3118565d6f2328afa8ba6d01a",
}
# LVIS v1's image_count of the class at each tenth of its rare, common and frequent classes
LVIS = {
    "r": (1, 1, 1, 2, 3, 4, 5, 6, 7, 9, 10),
    "c": (11, 13, 16, 22, 28, 32, 40, 48, 62, 76, 100),
    "f": (101, 128, 186, 245, 351, 588, 859, 1394, 1789, 1902, 1977),
}


@pytest.fixture(scope="module")
def train() -> list[ImagePlan]:
    return plan(PRESET, TRAIN)


@pytest.fixture(scope="module")
def val() -> list[ImagePlan]:
    return plan(PRESET, VAL)


def shown(images: list[ImagePlan]) -> list[int]:
    """The number of images whose annotation has each class, in label order."""
    count = Counter(label for image in images for label in {label for label, annotated in image.objects if annotated})
    return [count[label] for label in range(PRESET.num_classes)]


def test_images_meet_the_counts_exactly(train: list[ImagePlan], val: list[ImagePlan]) -> None:
    assert (len(train), len(val)) == (3000, 400)
    assert shown(train) == train_image_counts(PRESET).tolist()
    assert shown(val) == val_image_counts(PRESET).tolist()


def test_groups_are_as_large_as_they_should_be(train: list[ImagePlan], val: list[ImagePlan]) -> None:
    counts = shown(train)
    groups = [frequency(count) for count in counts]
    assert Counter(groups) == {"r": 60, "c": 50, "f": 40}
    assert (min(counts), max(counts)) == (1, 1500)
    measured = {(group, count) for group, count in zip(groups, shown(val), strict=True)}
    assert measured == {("r", 10), ("c", 12), ("f", 14)}


@pytest.mark.parametrize("group", LVIS)
def test_counts_are_spread_as_in_lvis(group: str) -> None:
    """Between tenths linearly, and stretched to the preset's range, within rounding."""
    found = np.sort([count for count in train_image_counts(PRESET) if frequency(count) == group])
    lvis = np.interp(np.linspace(0, 10, len(found)), range(11), LVIS[group])
    fewest, most = {"r": (1, 10), "c": (11, 100), "f": (101, 1500)}[group]
    expected = fewest + (lvis - lvis[0]) * (most - fewest) / (lvis[-1] - lvis[0])
    assert np.abs(found - expected).max() <= 0.5 + 1e-9
    assert (found[0], found[-1]) == (fewest, most)


def test_no_image_is_too_full(train: list[ImagePlan], val: list[ImagePlan]) -> None:
    """Most glyphs that an image has room for; only second instances give way."""
    for images in (train, val):
        assert max(len(image.objects) for image in images) <= 12
    free = plan(replace(PRESET, most_objects=None), TRAIN)
    assert max(len(image.objects) for image in free) > 12
    for image, other in zip(train, free, strict=True):
        assert {label for label, _ in image.objects} >= {label for label, annotated in other.objects if annotated}
    some = sum(len(image.objects) > len(set(image.objects)) for image in train)
    assert some > 1000, "second instances"


def test_negatives_and_hidden_glyphs_are_as_said(train: list[ImagePlan]) -> None:
    for image in train:
        positive = {label for label, annotated in image.objects if annotated}
        hidden = {label for label, annotated in image.objects if not annotated}
        assert len(image.negatives) == 30
        assert not (positive | hidden) & set(image.negatives)
        assert hidden & positive == set(image.not_exhaustive)


def test_no_two_classes_look_alike_however_they_are_turned() -> None:
    """Outlines at one size, by Pillow's rotation, at any angle that can be between the two."""
    glyphs = classes(PRESET)
    assert len({glyph.character for glyph in glyphs}) == 150
    upright = np.array([thumbnail(bitmap(glyph), 0) for glyph in glyphs], np.float32)
    for degrees in range(-2 * PRESET.max_rotation, 2 * PRESET.max_rotation + 1, 5):
        turned = np.array([thumbnail(bitmap(glyph), degrees) for glyph in glyphs], np.float32)
        common = turned @ upright.T
        different = turned.sum(1)[:, None] + upright.sum(1)[None, :] - 2 * common + 1e9 * np.eye(150)
        assert different.min() >= 80


def thumbnail(ink: np.ndarray, degrees: int) -> np.ndarray:
    """The ink, turned, in a square that its longer side fills: 0 or 1, [SIGNATURE ** 2]."""
    turned = Image.fromarray(ink * 255).rotate(degrees, expand=True)
    turned = turned.crop(turned.getbbox())
    side = max(turned.size)
    square = Image.new("L", (side, side))
    square.paste(turned, ((side - turned.width) // 2, (side - turned.height) // 2))
    return (np.asarray(square.resize((SIGNATURE, SIGNATURE), Image.Resampling.NEAREST)) >= 128).ravel()


@pytest.mark.parametrize("name", ["glyphs", "glyphs-lt", pytest.param("glyphs-1203", marks=pytest.mark.slow)])
def test_plans_stay_as_they_are(name: str) -> None:
    preset = PRESETS[name]
    images = plan(preset, TRAIN) + plan(preset, VAL)
    written = repr([(image.objects, image.negatives, image.not_exhaustive) for image in images])
    assert hashlib.sha256(written.encode()).hexdigest() == PLANS[name]

"""What is told of segmentations, beside pycocotools, which reads those that are sound."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from lt_bench.data import segmentation as masks
from lt_bench.data.segmentation import Segmentations, describe

WIDTH, HEIGHT = 40, 30
PIXELS = WIDTH * HEIGHT


def faults(shapes: list[Any], size: tuple[int, int] = (WIDTH, HEIGHT), known: bool = True) -> list[int]:
    found = Segmentations()
    for shape in shapes:
        found.add(shape)
    sizes = np.array([size] * len(shapes), dtype=np.int64).reshape(-1, 2)
    return found.faults(sizes, np.full(len(shapes), known)).tolist()


def packed(height: int = HEIGHT, fill: int = 1) -> dict[str, Any]:
    rle = coco_mask.encode(np.full((height, WIDTH), fill, dtype=np.uint8, order="F"))
    return {"size": [HEIGHT, WIDTH], "counts": rle["counts"].decode()}


TRIANGLE = [1, 1, 9, 1, 5, 8.5]
EXPECTED: list[tuple[Any, int]] = [
    ([TRIANGLE], masks.SOUND),
    ([TRIANGLE, [20, 20, 30, 20, 30, 29, 20, 29]], masks.SOUND),
    ([[-0.9, 0, WIDTH + 0.9, 0, 5, HEIGHT + 0.9]], masks.SOUND),
    ([[-1.1, 0, 9, 0, 5, 8]], masks.OUTSIDE),
    ([[0, 0, 9, 0, 5, HEIGHT + 1000]], masks.OUTSIDE),
    ([[0, 0, 9, 0, 5, HEIGHT + 1001]], masks.FAR),
    ([TRIANGLE, [0, 0, -1001, 0, 5, 8]], masks.FAR),
    ([[0, 0, 1e300, 0, 5, 8]], masks.LONG),
    ([[0, 0, 1e308, 1e308, 1e308, 8]], masks.NOT_FINITE),
    ([[0, 0, float("nan"), 0, 5, 8]], masks.NOT_FINITE),
    ([[0, 0, float("inf"), float("-inf"), 5, 8]], masks.NOT_FINITE),
    ([[0, 0, 10**400, 0, 5, 8]], masks.NOT_FINITE),
    ([[0, 0, 1000, 1000] * 2200], masks.LONG),  # two sides of 1,000 pixels 2,200 times
    ([[0, 0, 1000, 0, 1000, 1000, 0, 1000]] * 1100, masks.LONG),
    ([[0, 0, 9, 9] * 100_000], masks.SOUND),
    (None, masks.ABSENT),
    ([], masks.EMPTY),
    ([[]], masks.EMPTY),
    ([[], []], masks.EMPTY),
    ([[], TRIANGLE], masks.SHORT),
    ([[1, 1, 9, 9]], masks.SHORT),
    ([TRIANGLE, [1, 1, 9, 9]], masks.SHORT),
    ([[*TRIANGLE, 3]], masks.ODD),
    (TRIANGLE, masks.FLAT),
    ([TRIANGLE, 3], masks.NO_NUMBERS),
    ([[1, 1, 9, 1, 5, "8"]], masks.NO_NUMBERS),
    ([[1, 1, 9, 1, 5, True]], masks.NO_NUMBERS),
    ([[[1, 1], [9, 1], [5, 8]]], masks.NO_NUMBERS),
    ([{"x": 1}], masks.NO_NUMBERS),
    ({"size": [HEIGHT, WIDTH], "counts": [10, 20, PIXELS - 30]}, masks.SOUND),
    ({"size": [HEIGHT, WIDTH], "counts": [PIXELS]}, masks.NO_PIXEL),
    ({"size": [HEIGHT, WIDTH], "counts": [10, 20, PIXELS - 31]}, masks.TOTAL),
    ({"size": [HEIGHT, WIDTH], "counts": [10, 20, PIXELS]}, masks.TOTAL),
    ({"size": [HEIGHT, WIDTH], "counts": [10, 20.0, PIXELS - 30]}, masks.NO_RUNS),
    ({"size": [HEIGHT, WIDTH], "counts": [-10, 10, PIXELS]}, masks.NO_RUNS),
    ({"size": [HEIGHT, WIDTH]}, masks.NO_RUNS),
    ({"size": [WIDTH, HEIGHT], "counts": [0, PIXELS]}, masks.SIZE),
    ({"size": [HEIGHT], "counts": [0, PIXELS]}, masks.SIZE),
    ({"size": [HEIGHT, float(WIDTH)], "counts": [0, PIXELS]}, masks.SIZE),
    ({"size": [-HEIGHT, -WIDTH], "counts": [0, PIXELS]}, masks.SIZE),
    ({"size": [1 << 62, 1 << 62], "counts": [0, 1 << 124]}, masks.SIZE),
    ({"counts": [0, PIXELS]}, masks.SIZE),
    ({}, masks.SIZE),
    (packed(), masks.SOUND),
    (packed(fill=0), masks.NO_PIXEL),
    (packed(height=HEIGHT + 1), masks.TOTAL),
    ({"size": [HEIGHT, WIDTH], "counts": ""}, masks.NO_RUNS),
    ({"size": [HEIGHT, WIDTH], "counts": "PPPP"}, masks.NO_RUNS),
    ({"size": [HEIGHT, WIDTH], "counts": "é"}, masks.NO_RUNS),
]


def test_each_fault_is_told_wherever_it_stands() -> None:
    shapes, expected = zip(*EXPECTED, strict=True)
    assert faults(list(shapes)) == list(expected)
    assert faults([shape for shape in shapes for _ in range(60)]) == [fault for fault in expected for _ in range(60)]


@pytest.mark.parametrize(("shape", "fault"), EXPECTED)
def test_each_fault_is_described_with_the_value(shape: Any, fault: int) -> None:
    if fault != masks.SOUND:
        assert len(describe(fault, json.loads(json.dumps(shape)), (WIDTH, HEIGHT))) < 300


def test_every_fault_is_expected_somewhere() -> None:
    assert {fault for _, fault in EXPECTED} == set(range(15))


def test_without_an_image_nothing_is_outside() -> None:
    shapes = [[[0, 0, 9, 0, 5, 5000]], {"size": [7, 7], "counts": [0, 49]}]
    assert faults(shapes, known=False) == [masks.SOUND, masks.SOUND]


numbers = st.integers(-2000, 2000) | st.floats(-2000, 2000) | st.sampled_from([0, -0.0, float("nan"), 1e308, None, "1"])
shapes = st.lists(st.lists(numbers, max_size=9) | numbers, max_size=3) | st.fixed_dictionaries(
    {},
    optional={
        "size": st.sampled_from([[4, 5], [5, 4], [4], None]),
        "counts": st.lists(st.integers(-1, 12), max_size=5) | st.text(max_size=4),
    },
)


@given(shapes)
def test_what_is_sound_is_a_mask_of_the_image_to_pycocotools(shape: Any) -> None:
    (fault,) = faults([shape], (5, 4))
    if fault not in (masks.SOUND, masks.NO_PIXEL, masks.OUTSIDE):
        return
    rle = shape
    if isinstance(shape, list):
        rle = coco_mask.merge(coco_mask.frPyObjects(shape, 4, 5))
    elif isinstance(shape["counts"], list):
        rle = coco_mask.frPyObjects(shape, 4, 5)
    mask = coco_mask.decode(rle)
    assert mask.shape == (4, 5)
    if isinstance(shape, dict):
        assert (mask.sum() == 0) == (fault == masks.NO_PIXEL)

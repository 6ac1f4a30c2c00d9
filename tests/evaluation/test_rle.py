from __future__ import annotations

import numpy as np
import pycocotools.mask as mask_utils
import pytest

from lt_bench.evaluation.rle import mask_pixels


def test_pixels_are_those_of_pycocotools() -> None:
    rng = np.random.default_rng(0)
    masks = [np.zeros((9, 7)), np.ones((9, 7)), np.eye(40)]
    for _ in range(200):
        shape, density = rng.integers(1, 90, 2), rng.choice([0.01, 0.5, 0.99])
        masks.append(rng.random(shape) < density)
    for _ in range(20):  # long runs
        mask = np.zeros((700, 900))
        x, y, w, h = rng.integers(1, 400, 4)
        mask[y : y + h, x : x + w] = 1
        masks.append(mask)
    encoded = [mask_utils.encode(np.asfortranarray(mask, dtype=np.uint8)) for mask in masks]
    area, total = mask_pixels([mask["counts"].decode() for mask in encoded])
    assert area.tolist() == [int(mask_utils.area(mask)) for mask in encoded]
    assert total.tolist() == [mask.size for mask in masks]


DAMAGED = ["", "~", "!", " 1", "é1", "\u6f22", "P", "1P", "PPPPPPPPPPP1", "ooooooooooooooo0", "N", "1N", "11\n"]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_string_is_no_mask_and_spoils_no_other(text: str) -> None:
    sound = mask_utils.encode(np.asfortranarray(np.eye(30), dtype=np.uint8))["counts"].decode()
    area, total = mask_pixels([sound, text, sound])
    assert (area.tolist(), total.tolist()) == ([30, -1, 30], [900, -1, 900])
    area, total = mask_pixels([text])
    assert (area.tolist(), total.tolist()) == ([-1], [-1])


def test_no_masks() -> None:
    area, total = mask_pixels([])
    assert area.shape == total.shape == (0,)

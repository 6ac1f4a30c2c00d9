from __future__ import annotations

import numpy as np
import pycocotools.mask as mask_utils
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lt_bench.data import rle as module
from lt_bench.data.rle import mask_pixels


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


def naive(text: str) -> tuple[int, int]:
    """Foreground and all pixels, number by number; (-1, -1) where it is no mask."""
    runs: list[int] = []
    number, place = 0, 0
    for character in text:
        data = ord(character) - 48
        if not 0 <= data < 64 or place == module.LONGEST_NUMBER:
            return -1, -1
        number |= (data & 31) << 5 * place
        place += 1
        if data < 32:
            run = number - (1 << 5 * place) * (data >> 4) + (runs[-2] if len(runs) > 2 else 0)
            if run < 0 or run >= 1 << 31:
                return -1, -1
            runs.append(run)
            number, place = 0, 0
    return (-1, -1) if place or not runs else (sum(runs[1::2]), sum(runs))


ENDS = "".join(map(chr, range(48, 80)))  # of a number
TEXTS = st.one_of(
    st.text(ENDS[:16], min_size=1, max_size=30),
    st.text(ENDS + "PQo", min_size=1, max_size=30),
    st.text("oN?O", min_size=1, max_size=40),
    st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=8),
)


@given(texts=st.lists(TEXTS, max_size=12), cached=st.sampled_from([1, 20, 1 << 17]))
def test_any_strings_are_read_as_number_by_number(texts: list[str], cached: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CACHED", cached)
        area, total = mask_pixels(texts)
    assert list(zip(area.tolist(), total.tolist(), strict=True)) == [naive(text) for text in texts]


def test_runs_that_grow_beyond_every_mask_are_no_mask() -> None:
    for growing in range(1, 40):  # differences of 2^29 - 1, again and again
        text = "1" * 3 + "ooooo?" * growing
        assert mask_pixels([text, "06"])[1].tolist() == [naive(text)[1], 6]

"""Compressed run-length masks: their sizes, without decoding them into pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LONGEST_NUMBER = 7  # characters of five bits: runs of up to 2^34 pixels, and no sum of them overflows int64


def mask_pixels(counts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Foreground pixels and all pixels of every mask: int64 [N] each; -1 and -1 for a string that is no mask.

    COCO's compressed RLE (Lin et al., ECCV 2014; its API's maskApi.c) writes runs of background and foreground in
    turn, column by column. From the fourth run on, it writes the difference to the run two before. A number is
    written in groups of five bits, low bits first, one character each: 48 + bits + 32 if more follow; the highest
    bit written is the sign. pycocotools reads such strings without checking them, so they are checked here.
    """
    count = len(counts)
    lengths = np.array([len(text) for text in counts], dtype=np.int64)
    valid = np.array([text.isascii() and bool(text) for text in counts], dtype=bool)
    data = np.frombuffer("".join(counts).encode("ascii", "replace"), dtype=np.uint8).astype(np.int64) - 48
    if not data.size:
        return np.full(count, -1), np.full(count, -1)
    owner = np.repeat(np.arange(count), lengths)
    valid[owner[(data < 0) | (data > 63)]] = False

    is_last = (data & 32) == 0  # the last character of a number
    string_end = np.cumsum(lengths)[lengths > 0] - 1
    valid[owner[string_end[~is_last[string_end]]]] = False  # the string ends within a number
    is_last[string_end] = True

    ends = np.flatnonzero(is_last)
    starts = np.append(0, ends[:-1] + 1)
    digits = ends - starts + 1
    owner = owner[starts]
    valid[owner[digits > LONGEST_NUMBER]] = False
    place = np.minimum(np.arange(data.size) - np.repeat(starts, digits), LONGEST_NUMBER)
    numbers = np.add.reduceat((data & 31) << (5 * place), starts)
    negative = (data[ends] & 16) != 0
    numbers -= np.where(negative, 1 << (5 * np.minimum(digits, LONGEST_NUMBER)), 0)

    index = np.arange(numbers.size) - np.searchsorted(owner, owner)  # of a run within its mask
    runs = _undo_differences(numbers, owner, index)
    valid[owner[(runs < 0) | (runs >= 1 << 5 * LONGEST_NUMBER)]] = False
    area, total = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    np.add.at(area, owner, np.where(index % 2 == 1, runs, 0))
    np.add.at(total, owner, runs)
    return np.where(valid, area, -1), np.where(valid, total, -1)


def _undo_differences(
    numbers: NDArray[np.int64], owner: NDArray[np.int64], index: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Runs from what is written of them. A mask has three chains of sums: run 0, runs 1, 3, ..., runs 2, 4, ..."""
    chain = 3 * owner + np.where(index == 0, 0, 1 + index % 2)
    order = np.argsort(chain, kind="stable")
    sums = np.cumsum(numbers[order])
    first = np.searchsorted(chain[order], chain[order])
    runs = np.empty_like(numbers)
    runs[order] = sums - (sums[first] - numbers[order][first])
    return runs

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
    area, total = np.full(len(counts), -1), np.full(len(counts), -1)
    present = np.flatnonzero([text.isascii() and bool(text) for text in counts])
    if not present.size:
        return area, total
    lengths = np.array([len(counts[index]) for index in present])
    characters = np.frombuffer("".join(counts[index] for index in present).encode("ascii"), dtype=np.uint8)
    numbers, owner, valid = _numbers(characters, lengths)

    first = np.flatnonzero(np.diff(owner, prepend=-1))  # every mask has a number
    index = np.arange(numbers.size) - first[owner]  # of a run in its mask
    runs = numbers.copy()
    for chain in (index % 2 == 1, (index % 2 == 0) & (index > 0)):
        runs[chain] = _cumsum_within(numbers[chain], owner[chain])
    valid[owner[(runs < 0) | (runs >> 5 * LONGEST_NUMBER > 0)]] = False
    total[present] = np.where(valid, np.add.reduceat(runs, first), -1)
    area[present] = np.where(valid, np.add.reduceat(np.where(index % 2 == 1, runs, 0), first), -1)
    return area, total


def _numbers(
    characters: NDArray[np.uint8], lengths: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """The numbers written in strings of `lengths` characters, the string each is in, and which strings are sound."""
    valid = np.ones(lengths.size, dtype=bool)
    string_ends = np.cumsum(lengths) - 1
    data = characters - np.uint8(48)  # a character below wraps round to more than 63
    is_last = (data & 32) == 0  # the last character of a number
    valid[~is_last[string_ends]] = False
    is_last[string_ends] = True
    valid[np.searchsorted(string_ends, np.flatnonzero(data > 63))] = False

    ends = np.flatnonzero(is_last)
    starts = np.append(0, ends[:-1] + 1)
    digits = ends - starts + 1
    owner = np.searchsorted(string_ends, ends)
    valid[owner[digits > LONGEST_NUMBER]] = False
    numbers = np.zeros(ends.size, dtype=np.int64)
    for place in range(min(int(digits.max()), LONGEST_NUMBER)):
        longer = np.flatnonzero(digits > place)
        numbers[longer] |= (data[starts[longer] + place] & 31).astype(np.int64) << 5 * place
    negative = (data[ends] & 16) != 0
    numbers[negative] -= np.int64(1) << 5 * np.minimum(digits[negative], LONGEST_NUMBER)
    return numbers, owner, valid


def _cumsum_within(values: NDArray[np.int64], owner: NDArray[np.int64]) -> NDArray[np.int64]:
    """The cumulative sums of `values` that start anew with every owner."""
    sums = np.cumsum(values)
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    before = (sums - values)[starts]
    return sums - np.repeat(before, np.diff(np.append(starts, values.size)))

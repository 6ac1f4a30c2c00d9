"""Compressed run-length masks: their sizes, without decoding them into pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LONGEST_NUMBER = 6  # characters of five bits: runs of up to 2^29 pixels
CACHED = 1 << 17  # characters at a time: few enough to stay in the processor's cache
DIGIT = np.arange(64, dtype=np.int32) & 31
LAST_DIGIT = DIGIT - np.where(DIGIT & 16, np.int32(32), np.int32(0))  # has the sign


def mask_pixels(counts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Foreground pixels and all pixels of every mask: int64 [N] each; -1 and -1 for a string that is no mask."""
    area, total = np.full(len(counts), -1), np.full(len(counts), -1)
    present = np.flatnonzero([text.isascii() and bool(text) for text in counts])
    lengths = np.array([len(counts[index]) for index in present], dtype=np.int64)
    characters = np.frombuffer("".join(counts[index] for index in present).encode("ascii"), dtype=np.uint8)
    area[present], total[present] = joined_mask_pixels(characters, lengths)
    return area, total


def joined_mask_pixels(
    characters: NDArray[np.uint8], lengths: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`mask_pixels` of strings that stand one after the other in `characters`, with `lengths` [N], all above 0.

    COCO's compressed RLE (Lin et al., ECCV 2014; its API's maskApi.c) writes runs of background and foreground in
    turn, column by column. From the fourth run on, it writes the difference to the run two before. A number is
    written in groups of five bits, low bits first, one character each: 48 + bits + 32 if more follow; the highest
    bit written is the sign. pycocotools reads such strings without checking them, so they are checked here.
    """
    area, total = np.empty((2, lengths.size), dtype=np.int64)
    ends = np.cumsum(lengths)
    bounds = np.unique(np.append(np.searchsorted(ends, np.arange(0, characters.size, CACHED)), lengths.size))
    for first, last in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        part = slice(int(ends[first] - lengths[first]), int(ends[last - 1]))
        area[first:last], total[first:last] = _pixels(characters[part], lengths[first:last])
    return area, total


def _pixels(characters: NDArray[np.uint8], lengths: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    numbers, after, valid = _numbers(characters, lengths)  # of mask n: numbers[after[n - 1] : after[n]]
    first = np.append(0, after[:-1])

    # A run is the sum of every second number up to its own, from the second or the third number of its mask on. The
    # sums are taken through all masks, and what came before a mask is subtracted. They may exceed 32 bits, which does
    # no harm to the differences; and as no number exceeds 30, no run can grow past 31 bits without looking negative.
    sums = np.empty_like(numbers)
    before = np.zeros((2, lengths.size), dtype=np.int32)
    for parity in (0, 1):
        np.cumsum(numbers[parity::2], out=sums[parity::2], dtype=np.int32)
    odd_start = first & 1
    before[odd_start, np.arange(lengths.size)] = sums[first]
    before[1 - odd_start, np.arange(lengths.size)] = np.where(first > 0, sums[first - 1], 0)
    runs = sums
    for parity in (0, 1):
        runs[parity::2] -= np.repeat(before[parity], (after + 1 - parity) // 2 - (first + 1 - parity) // 2)
    runs[first] = numbers[first]
    if runs.min() < 0:
        valid[np.searchsorted(after, np.flatnonzero(runs < 0), side="right")] = False

    total = np.add.reduceat(runs, first, dtype=np.int64)
    runs[1::2] *= -1
    difference = np.add.reduceat(runs, first, dtype=np.int64)  # of the even and the odd places in `numbers`
    area = (total - np.where(odd_start, -difference, difference)) // 2
    return np.where(valid, area, -1), np.where(valid, total, -1)


def _numbers(
    characters: NDArray[np.uint8], lengths: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.bool_]]:
    """The numbers written in the strings, how many there are up to the end of each, and which strings are sound."""
    valid = np.ones(lengths.size, dtype=bool)
    string_ends = np.cumsum(lengths) - 1
    data = characters - np.uint8(48)  # a character below wraps round to more than 63
    if data.max() > 63:
        valid[np.searchsorted(string_ends, np.flatnonzero(data > 63))] = False
        data &= 63
    is_last = data < 32  # the last character of a number
    valid[~is_last[string_ends]] = False
    is_last[string_ends] = True

    ends = np.flatnonzero(is_last)
    numbers = LAST_DIGIT.take(data.take(ends))
    digits = np.diff(ends, prepend=-1)
    long = np.flatnonzero(digits > 1)
    if (digits[long] > LONGEST_NUMBER).any():
        too_long = long[digits[long] > LONGEST_NUMBER]
        valid[np.searchsorted(string_ends, ends[too_long])] = False
        numbers[too_long], long = 0, np.flatnonzero((digits > 1) & (digits <= LONGEST_NUMBER))
    numbers[long] <<= 5 * (digits[long] - 1).astype(np.int32)
    place = 0
    while long.size:
        numbers[long] |= DIGIT.take(data[ends[long] - digits[long] + 1 + place]) << np.int32(5 * place)
        place += 1
        long = long[digits[long] > place + 1]
    return numbers, np.searchsorted(ends, string_ends) + 1, valid

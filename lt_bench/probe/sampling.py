"""Which images and RoIs each step of the training sees: a function of the seed and the step alone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lt_bench.data.repeat_factors import repeat_factors

if TYPE_CHECKING:
    from lt_bench.features.store import Split

_IMAGES, _ROIS = 0, 1  # streams of random numbers that have nothing to do with each other


def repeats(split: Split, threshold: float | None, left_out: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """How often an epoch shows each image, as `RepeatFactorDataset` has it: ceil of its repeat factor, or once: [I].

    threshold: of the repeat factors; None for the plain sampler. left_out: ids of images that are no training images:
    they count for nothing and are never shown.
    """
    images = len(split.image_ids)
    kept = np.ones(images, dtype=bool) if left_out is None else ~np.isin(split.image_ids, left_out)
    if threshold is None:
        return kept.astype(np.int64)
    shown_in = np.repeat(np.arange(images), np.diff(split.truth_first))
    pairs = np.unique(np.stack([shown_in, np.asarray(split.truth_labels, dtype=np.int64)]), axis=1)
    image, category = pairs[:, kept[pairs[0]]]
    position = np.cumsum(kept) - 1  # among those kept
    found = np.zeros(images, dtype=np.int64)
    found[kept] = np.ceil(repeat_factors(position[image], category, int(kept.sum()), threshold))
    return found


class ImageOrder:
    """Epoch after epoch without a gap, each in an order of its own, cut into steps of the same number of images."""

    def __init__(self, repeats: NDArray[np.int64], images_per_step: int, seed: int) -> None:
        """repeats: how often an epoch shows each image, at least one image in all."""
        self._epoch = np.repeat(np.arange(len(repeats)), repeats)
        self._images_per_step = images_per_step
        self._seed = seed
        self._shuffled = lru_cache(maxsize=2)(self._shuffle)

    def __len__(self) -> int:
        """The images of an epoch, repeated ones counted as often as they occur."""
        return len(self._epoch)

    def at(self, step: int) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """The images of a step, counted from 0: those of each epoch that it reaches into, with the epoch's number."""
        position, end = step * self._images_per_step, (step + 1) * self._images_per_step
        while position < end:
            epoch, start = divmod(position, len(self))
            images = self._shuffled(epoch)[start : start + end - position]
            yield epoch, images
            position += len(images)

    def _shuffle(self, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng([self._seed, _IMAGES, epoch]).permutation(self._epoch)


class RoISampler:
    """Draws the RoIs of images by the rule of mmdet's RandomSampler.

    Of an image's foreground RoIs up to int(num * pos_fraction) are drawn, of its background RoIs as many as are then
    missing to `num`, each subset of such a size being as likely as any other.
    """

    def __init__(self, split: Split, num: int, pos_fraction: float, background: int, neg_pos_ub: float = -1) -> None:
        """num: RoIs of an image. background: the label of background RoIs. neg_pos_ub: the most background RoIs for
        each foreground RoI that is drawn, and for one if there is none; below 0 for any number.
        """
        self._first = np.array(split.first)
        self._is_background = np.asarray(split.labels) == background
        self._num, self._positives, self._neg_pos_ub = num, int(num * pos_fraction), neg_pos_ub

    def draw(self, images: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
        """The rows of the split that are drawn for some images, which may repeat, one image after the other: [R]."""
        begin = self._first[images]
        sizes = self._first[images + 1] - begin
        place = np.repeat(np.arange(len(images)), sizes)
        rows = np.repeat(begin - (np.cumsum(sizes) - sizes), sizes) + np.arange(len(place))
        group = 2 * place + self._is_background[rows]  # foreground and background of each image
        in_groups = np.lexsort((random.random(len(rows)), group))
        there = np.bincount(group, minlength=2 * len(images))
        wanted = np.empty_like(there)
        wanted[::2] = np.minimum(there[::2], self._positives)
        wanted[1::2] = np.minimum(there[1::2], self._num - wanted[::2])
        if self._neg_pos_ub >= 0:
            most = (self._neg_pos_ub * np.maximum(wanted[::2], 1)).astype(np.int64)
            wanted[1::2] = np.minimum(wanted[1::2], most)
        rank = np.arange(len(rows)) - np.repeat(np.cumsum(there) - there, there)
        drawn = np.zeros(len(rows), dtype=bool)
        drawn[in_groups[rank < np.repeat(wanted, there)]] = True
        chosen: NDArray[np.int64] = rows[drawn]
        return chosen


def random_of(seed: int, step: int) -> np.random.Generator:
    """What the RoIs of a step are drawn with."""
    return np.random.default_rng([seed, _ROIS, step])

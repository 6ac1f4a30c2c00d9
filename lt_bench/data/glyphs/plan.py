"""Which classes each image shows: the class counts come first, and the images are filled to meet them exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from lt_bench.data.glyphs.presets import Preset

TRAIN, VAL, CLASSES = 0, 1, 2  # the second word of a generator's seed: what it is for
SECOND_INSTANCE = 10  # one in so many positive classes of an image has a second instance
NOT_EXHAUSTIVE = 6  # one in so many images leaves an instance of a positive class without annotation
UNLISTED = 8  # one in so many images shows a glyph of a class that its annotation does not speak of
SPREAD = 8  # how unevenly images are filled: 1 fills all alike


@dataclass(frozen=True)
class ImagePlan:
    """What one image shows.

    objects: (class index, whether it is annotated), in the order of painting: later ones may cover earlier ones.
    negatives: classes that the image does not show, and says so.
    not_exhaustive: positive classes of which the image shows an instance without annotation.
    """

    objects: tuple[tuple[int, bool], ...]
    negatives: tuple[int, ...]
    not_exhaustive: tuple[int, ...]


def train_image_counts(preset: Preset) -> NDArray[np.int64]:
    """How many training images show each class: [num_classes]. Within a group they rise as `preset.shape` says."""
    shapes = preset.shape or ((),) * len(preset.groups)
    counts: list[int] = []
    for size, (fewest, most), shape in zip(preset.groups, preset.train_images, shapes, strict=True):
        counts += _rising(size, fewest, most, shape)
    return _shuffled(preset, counts)


def _rising(size: int, fewest: int, most: int, shape: Sequence[int]) -> list[int]:
    """The counts of a group, ascending, from `fewest` to `most`: as between the points of `shape`, or quadratic.

    In integers, so that they are the same on every machine.
    """
    last = max(1, size - 1)
    if not shape:
        return [fewest + (most - fewest) * rank * rank // (last * last) for rank in range(size)]
    counts = []
    for rank in range(size):
        point, rest = divmod(rank * (len(shape) - 1), last)
        following = min(point + 1, len(shape) - 1)
        above = shape[point] * (last - rest) + shape[following] * rest - shape[0] * last  # times `last`
        whole = (shape[-1] - shape[0]) * last
        counts.append(fewest + (2 * (most - fewest) * above + whole) // (2 * whole))
    return counts


def val_image_counts(preset: Preset) -> NDArray[np.int64]:
    """How many validation images show each class: [num_classes]. Nearly flat, so that every class can be measured."""
    groups = zip(preset.groups, preset.val_images, strict=True)
    return _shuffled(preset, [images for size, images in groups for _ in range(size)])


def _shuffled(preset: Preset, counts: list[int]) -> NDArray[np.int64]:
    """Counts ordered by group, dealt out to the classes: which class is rare has nothing to do with its glyph."""
    dealt = np.empty(preset.num_classes, np.int64)
    dealt[np.random.default_rng([preset.seed, CLASSES]).permutation(preset.num_classes)] = counts
    return dealt


def plan(preset: Preset, split: int) -> list[ImagePlan]:
    """One plan per image of the split (TRAIN or VAL); each class is positive in as many images as its count says."""
    rng = np.random.default_rng([preset.seed, split])
    counts = train_image_counts(preset) if split == TRAIN else val_image_counts(preset)
    num_images = preset.num_train if split == TRAIN else preset.num_val
    positives: list[list[int]] = [[] for _ in range(num_images)]
    load = np.zeros(num_images, np.int64)
    for label in np.argsort(-counts, kind="stable"):
        emptiest = np.argsort(load + rng.integers(0, SPREAD, num_images), kind="stable")[: counts[label]]
        load[emptiest] += 1
        for image in emptiest:
            positives[image].append(int(label))
    return [_plan_image(preset, labels, rng) for labels in positives]


def _plan_image(preset: Preset, positives: list[int], rng: np.random.Generator) -> ImagePlan:
    second = [label for label in positives if rng.integers(SECOND_INSTANCE) == 0]
    not_exhaustive: list[int] = []
    if positives and rng.integers(NOT_EXHAUSTIVE) == 0:
        not_exhaustive.append(positives[rng.integers(len(positives))])
    shuffled = rng.permutation(preset.num_classes).tolist()
    absent = list(islice((label for label in shuffled if label not in positives), preset.num_negative + 1))
    negatives, unlisted = sorted(absent[: preset.num_negative]), absent[preset.num_negative :]
    hidden = not_exhaustive + (unlisted if unlisted and rng.integers(UNLISTED) == 0 else [])
    if preset.most_objects is not None:
        second = second[: max(0, preset.most_objects - len(positives) - len(hidden))]
    objects = [(label, True) for label in positives + second] + [(label, False) for label in hidden]
    order = rng.permutation(len(objects))
    return ImagePlan(tuple(objects[index] for index in order), tuple(negatives), tuple(not_exhaustive))

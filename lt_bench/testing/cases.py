"""Synthetic class statistics and batches, from the smallest to LVIS scale."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import torch
from torch import Tensor

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.synthetic_stats import lvis_like

SMALL = (1, 2, 5, 30)  # numbers of classes

Pattern = Literal["normal", "high", "low", "signs", "label high", "label low"]
EXTREMES: tuple[Pattern, ...] = ("high", "low", "signs", "label high", "label low")


@dataclass(frozen=True)
class Case:
    """One batch: everything that its logits and labels follow from.

    labels: one for each RoI, C is background. rows: which rows of the drawn logits the RoIs have, of `size` drawn;
    dropping a RoI leaves the logits of the others as they are. pattern, scale: `scale` times standard normal logits,
    or plus and minus `scale` in the named pattern.
    """

    stats: ClassStats
    labels: tuple[int, ...]
    rows: tuple[int, ...]
    size: int
    seed: int
    pattern: Pattern = "normal"
    scale: float = 3.0

    def batch(self, num_logits: int, call: int = 0) -> tuple[Tensor, Tensor]:
        """Logits float64 [N, num_logits] and labels int64 [N]; each `call` has logits of its own."""
        labels = torch.tensor(self.labels, dtype=torch.int64)
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + self.stats.num_classes) * 31 + call)
        drawn = torch.randn(self.size, num_logits, dtype=torch.float64, generator=generator)
        return self.scale * self._shaped(drawn[list(self.rows)], labels), labels

    def _shaped(self, drawn: Tensor, labels: Tensor) -> Tensor:
        if self.pattern == "normal":
            return drawn
        if self.pattern == "signs":
            return drawn.sign()
        if self.pattern in ("high", "low"):
            return torch.full_like(drawn, 1.0 if self.pattern == "high" else -1.0)
        is_label = labels[:, None] == torch.arange(drawn.shape[1])
        return torch.where(is_label == (self.pattern == "label high"), 1.0, -1.0).to(drawn.dtype)

    def fewer(self) -> Iterator[Case]:
        """The same case with half of its RoIs, then with one RoI less."""
        total = len(self.labels)
        half = total // 2
        kept: list[Sequence[int]] = [range(half), range(half, total)] if total > 3 else []
        kept += [[n for n in range(total) if n != left_out] for left_out in range(total)] if total > 1 else []
        for keep in kept:
            yield replace(self, labels=tuple(self.labels[n] for n in keep), rows=tuple(self.rows[n] for n in keep))

    def describe(self) -> list[str]:
        """What a reader needs to see the case before them, in lines."""
        drawn = f"{self.scale:g} * standard normal" if self.pattern == "normal" else f"+-{self.scale:g}, {self.pattern}"
        return [
            f"C = {self.stats.num_classes} classes in {self.stats.num_images} images",
            f"image counts {_abbreviated(self.stats.image_count)}",
            f"instance counts {_abbreviated(self.stats.instance_count)}",
            f"N = {len(self.labels)} RoIs, labels {list(self.labels)} ({self.stats.num_classes} is background)",
            f"logits {drawn}, rows {list(self.rows)} of {self.size}, seed {self.seed}",
        ]

    def as_json(self) -> dict[str, Any]:
        return {
            "num_classes": self.stats.num_classes,
            "image_count": list(self.stats.image_count),
            "instance_count": list(self.stats.instance_count),
            "num_images": self.stats.num_images,
            "labels": list(self.labels),
            "rows": list(self.rows),
            "size": self.size,
            "pattern": self.pattern,
            "scale": self.scale,
            "seed": self.seed,
        }


def _abbreviated(counts: Sequence[int]) -> str:
    if len(counts) <= 30:
        return str(list(counts))
    return f"{', '.join(map(str, counts[:5]))}, ... ({min(counts)} to {max(counts)})"


def make_stats(image_count: Sequence[int], instance_count: Sequence[int], num_images: int) -> ClassStats:
    """ClassStats without its warning about empty classes: here they are on purpose."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ClassStats(image_count, instance_count, num_images)


@cache
def long_tail(num_classes: int) -> ClassStats:
    """Image counts that fall from 1,000 to 2 in even ratios, three instances per image, 5,000 images."""
    steps = max(num_classes - 1, 1)
    images = [round(1000 * (2 / 1000) ** (c / steps)) for c in range(num_classes)]
    return make_stats(images, [3 * count for count in images], 5000)


def with_count(stats: ClassStats, label: int, count: int) -> ClassStats:
    """The same statistics with `count` images and instances of one class."""
    images, instances = list(stats.image_count), list(stats.instance_count)
    images[label] = instances[label] = count
    return make_stats(images, instances, stats.num_images)


def draw_labels(stats: ClassStats, num_rois: int, seed: int) -> tuple[int, ...]:
    """Every third RoI background, the others of classes with two instances or more.

    The first RoI is of the class with the fewest images among these, the last of the last such class.
    """
    # Classes with one instance and with none have checks of their own.
    classes = [c for c, count in enumerate(stats.instance_count) if count > 1]
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(classes), (num_rois,), generator=generator).tolist()
    labels = [stats.num_classes if n % 3 == 1 else classes[index] for n, index in enumerate(drawn)]
    labels[0] = min(classes, key=lambda c: stats.image_count[c])
    labels[-1] = classes[-1]
    return tuple(labels)


def make_case(stats: ClassStats, labels: Sequence[int], seed: int, scale: float = 3.0) -> Case:
    return Case(stats, tuple(labels), tuple(range(len(labels))), len(labels), seed, scale=scale)


def small_cases(seed: int) -> list[Case]:
    """Ordinary batches of 1 to 30 classes, in increasing size."""
    return [
        make_case(long_tail(classes), draw_labels(long_tail(classes), rois, seed), seed)
        for classes, rois in zip(SMALL, (4, 6, 9, 12), strict=True)
    ]


@cache
def lvis_scale() -> ClassStats:
    """The same counts for every seed, so that a seed varies labels and logits alone."""
    return lvis_like()


def lvis_case(seed: int, num_rois: int = 24) -> Case:
    return make_case(lvis_scale(), draw_labels(lvis_scale(), num_rois, seed), seed)


def all_cases(seed: int) -> list[Case]:
    """The small cases, then one of LVIS scale."""
    return [*small_cases(seed), lvis_case(seed)]

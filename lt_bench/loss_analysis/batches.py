"""Batches of labels as the detector's sampler makes them, from nothing but class statistics."""

from __future__ import annotations

import torch
from torch import Tensor

from lt_bench.api.class_stats import ClassStats

NUM_ROIS = 512
FOREGROUND = 0.25  # the share that the sampler of Mask R-CNN aims at
_IMAGES = 2


def label_shares(stats: ClassStats) -> Tensor:
    """Probability of each label of a RoI, background last: float64 [C + 1].

    A foreground RoI has a class in proportion to its instances.
    """
    instances = stats.instances()
    background = torch.tensor([1 - FOREGROUND], dtype=torch.float64)
    return torch.cat([FOREGROUND * instances / instances.sum(), background])


def classes_per_batch(stats: ClassStats) -> int:
    """How many classes are drawn for a batch: as many as two images of the training set show classes.

    The foreground RoIs of a batch lie on few objects. A class for every RoI of its own would put a hundred classes
    into a batch, and a loss that looks at the classes of the batch would behave otherwise than in training.
    """
    return max(1, round(_IMAGES * sum(stats.image_count) / stats.num_images))


def draw_labels(
    stats: ClassStats, generator: torch.Generator, num_rois: int = NUM_ROIS, shown: int | None = None
) -> Tensor:
    """The labels of one batch: int64 [num_rois], foreground first, always the same share of it.

    shown: a class that the batch is to hold, in place of one that would be drawn.
    """
    classes = torch.multinomial(stats.instances(), classes_per_batch(stats), replacement=True, generator=generator)
    if shown is not None:
        classes[0] = shown
    return spread(classes, stats.num_classes, num_rois)


def spread(classes: Tensor, background: int, num_rois: int = NUM_ROIS) -> Tensor:
    """The labels of a batch whose foreground RoIs take `classes` in turn, until there are enough: int64 [num_rois]."""
    labels = torch.full((num_rois,), background)
    foreground = round(FOREGROUND * num_rois)
    labels[:foreground] = classes[torch.arange(foreground) % len(classes)]
    return labels

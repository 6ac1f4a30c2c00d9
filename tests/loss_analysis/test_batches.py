"""Drawn batches have the shares of labels that the statistics say."""

from __future__ import annotations

import pytest
import torch
from profile_cases import STATS, share

from lt_bench.loss_analysis.batches import classes_per_batch, draw_labels, label_shares


def test_shares_of_labels() -> None:
    assert label_shares(STATS).tolist() == pytest.approx([share(label) for label in range(STATS.num_classes + 1)])


def test_a_batch_has_the_classes_of_two_images() -> None:
    assert classes_per_batch(STATS) == round(2 * sum(STATS.image_count) / STATS.num_images) == 4
    labels = draw_labels(STATS, torch.Generator().manual_seed(0), 64)
    foreground = labels[labels < STATS.num_classes]
    assert len(foreground) == 16
    assert labels[16:].tolist() == [STATS.num_classes] * 48
    assert foreground.tolist() == foreground[:4].tolist() * 4


def test_a_class_that_is_to_be_shown_is_in_every_batch() -> None:
    generator = torch.Generator().manual_seed(0)
    assert all((draw_labels(STATS, generator, shown=3) == 3).any() for _ in range(20))


def test_over_many_batches_each_class_has_its_share() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.cat([draw_labels(STATS, generator, 64) for _ in range(2000)])
    found = labels.bincount(minlength=STATS.num_classes + 1) / len(labels)
    # 8,000 draws of a class: five standard deviations of its frequency, times the foreground's quarter
    tolerance = 0.25 * 5 * (0.25 / 8000) ** 0.5
    torch.testing.assert_close(found.double(), label_shares(STATS), atol=tolerance, rtol=0)

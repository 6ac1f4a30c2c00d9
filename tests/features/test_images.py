"""Augmentation depends on seed, epoch and image alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from features_fixtures import SETTINGS

from lt_bench.features.images import training_images
from lt_bench.features.model import use_mmdet
from lt_bench.features.seeding import seeded
from lt_bench.features.source import of_run


@pytest.fixture(scope="module")
def cfg(finished: Path) -> Any:
    use_mmdet()
    return of_run(finished).cfg


def augmentation(data: Any) -> tuple[Any, ...]:
    return (*data["data_samples"].img_shape, data["data_samples"].flip)


def test_an_image_is_augmented_alike_wherever_one_begins(cfg: Any) -> None:
    images = training_images(cfg, SETTINGS.seed, 0)
    forwards = [augmentation(images[index]) for index in range(len(images))]
    backwards = [augmentation(images[index]) for index in reversed(range(len(images)))]
    assert forwards == backwards[::-1]
    assert len(set(forwards)) > 2
    indices, data = next(iter(images.batches(8)))
    assert indices == [8, 9, 10, 11]
    assert torch.equal(data["inputs"][0], images[8]["inputs"])


def test_workers_change_nothing(cfg: Any) -> None:
    images = training_images(cfg, SETTINGS.seed, 0)
    images.workers = 2
    for indices, data in images.batches(0):
        for index, image in zip(indices, data["inputs"], strict=True):
            assert torch.equal(image, images[index]["inputs"])


def test_seed_and_epoch_change_it(cfg: Any) -> None:
    found = {
        tuple(augmentation(images[index]) for index in range(len(images)))
        for images in (training_images(cfg, seed, epoch) for seed, epoch in ((0, 0), (1, 0), (0, 1)))
    }
    assert len(found) == 3


def test_seeding_leaves_the_generators_as_they_were() -> None:
    np.random.seed(1)
    torch.manual_seed(1)
    expected = np.random.rand(), torch.rand(1)
    np.random.seed(1)
    torch.manual_seed(1)
    with seeded(4, 5):
        np.random.rand(), torch.rand(1)
    assert (np.random.rand(), torch.rand(1)) == expected

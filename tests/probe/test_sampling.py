"""The images of RepeatFactorDataset and the RoIs of mmdet's RandomSampler, as functions of seed and step."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.models.task_modules.assigners import AssignResult
from mmdet.models.task_modules.samplers import RandomSampler
from mmengine.structures import InstanceData
from probe_data import CLASSES, annotations_of, first_images, made_split

from lt_bench.detector.dataset import LVISFormatDataset, RepeatFactorDataset
from lt_bench.features.store import Split
from lt_bench.probe.sampling import ImageOrder, RoISampler, random_of, repeats


@pytest.fixture(scope="module")
def split() -> Split:
    return Split(**made_split(1, 40, 14, True, seed=0))


@pytest.mark.parametrize("threshold", [0.03, 0.2, 2.5])
def test_repeats_are_those_of_the_data_set(threshold: float, split: Split, tmp_path: Path) -> None:
    arrays = made_split(1, 40, 14, True, seed=0)
    content = annotations_of(arrays)
    (tmp_path / "train.json").write_text(json.dumps(content))
    (tmp_path / "val2017").mkdir()
    for image in content["images"]:
        (tmp_path / "val2017" / Path(image["coco_url"]).name).touch()
    dataset = LVISFormatDataset(ann_file="train.json", data_root=str(tmp_path), pipeline=[])
    expected = RepeatFactorDataset(dataset, threshold)
    found = repeats(split, threshold)
    np.testing.assert_array_equal(np.repeat(np.arange(40), found), expected.repeat_indices)
    assert found.max() > 1 or threshold == 0.03


def test_the_plain_sampler_repeats_nothing(split: Split) -> None:
    assert repeats(split, None).tolist() == [1] * 40


def test_images_that_are_left_out_count_for_nothing(split: Split) -> None:
    arrays = made_split(1, 40, 14, True, seed=0)
    found = repeats(split, 0.5, left_out=np.arange(33, 41))
    assert found[32:].tolist() == [0] * 8
    np.testing.assert_array_equal(found[:32], repeats(Split(**first_images(arrays, 32)), 0.5))


def test_an_epoch_shows_each_image_as_often_as_it_is_repeated() -> None:
    order = ImageOrder(np.array([1, 3, 0, 2, 1]), 4, seed=3)
    seen = [(epoch, image) for step in range(14) for epoch, images in order.at(step) for image in images.tolist()]
    assert [epoch for epoch, _ in seen] == sorted(7 * list(range(8)))  # no image is skipped between epochs
    for epoch in range(8):
        assert Counter(image for own, image in seen if own == epoch) == {0: 1, 1: 3, 3: 2, 4: 1}
    orders = {tuple(image for own, image in seen if own == epoch) for epoch in range(8)}
    assert len(orders) > 5


def test_a_step_may_be_longer_than_an_epoch() -> None:
    order = ImageOrder(np.ones(3, dtype=np.int64), 8, seed=0)
    assert [(epoch, len(images)) for epoch, images in order.at(1)] == [(2, 1), (3, 3), (4, 3), (5, 1)]


def test_order_is_a_function_of_seed_and_step() -> None:
    def images(seed: int, step: int) -> list[int]:
        return np.concatenate([part for _, part in ImageOrder(np.full(50, 2), 16, seed).at(step)]).tolist()

    order = ImageOrder(np.full(50, 2), 16, 5)
    for step in (40, 3, 3, 41, 0):  # whatever was asked before
        assert np.concatenate([part for _, part in order.at(step)]).tolist() == images(5, step)
    assert images(5, 3) != images(6, 3)


def by_mmdet(split: Split, image: int, num: int, pos_fraction: float, neg_pos_ub: float) -> tuple[int, int]:
    """How many foreground and background RoIs mmdet draws of an image."""
    labels = torch.from_numpy(split.labels[split.first[image] : split.first[image + 1]].astype(np.int64))
    assigned = AssignResult(1, (labels < CLASSES).long(), torch.ones(len(labels)), labels)
    boxes = torch.rand(len(labels), 4)
    truth = InstanceData(bboxes=torch.rand(1, 4), labels=torch.zeros(1, dtype=torch.long))
    sampler = RandomSampler(num, pos_fraction, neg_pos_ub, add_gt_as_proposals=False)
    result = sampler.sample(assigned, InstanceData(priors=boxes), truth)
    return len(result.pos_inds), len(result.neg_inds)


@pytest.mark.parametrize(
    ("num", "pos_fraction", "neg_pos_ub"), [(8, 0.25, -1), (7, 0.5, -1), (12, 0.3, 1), (99, 1, -1)]
)
def test_as_many_rois_as_mmdet_draws(num: int, pos_fraction: float, neg_pos_ub: float, split: Split) -> None:
    sampler = RoISampler(split, num, pos_fraction, CLASSES, neg_pos_ub)
    images = np.array([7, 2, 2, 31, 0, 7])
    rows = sampler.draw(images, np.random.default_rng(0))
    image = np.searchsorted(split.first, rows, side="right") - 1
    foreground = split.labels[rows] < CLASSES
    for one in set(images.tolist()):
        times = (images == one).sum()
        expected = by_mmdet(split, one, num, pos_fraction, neg_pos_ub)
        assert (foreground & (image == one)).sum() == times * expected[0]
        assert (~foreground & (image == one)).sum() == times * expected[1]


def test_no_roi_is_drawn_twice_and_each_as_often_as_others(split: Split) -> None:
    sampler = RoISampler(split, 6, 0.5, CLASSES)
    image = int(np.argmax(np.diff(split.truth_first) == 2))  # 6 foreground RoIs of 14
    times: Counter[int] = Counter()
    for step in range(2000):
        rows = sampler.draw(np.array([image]), random_of(1, step)).tolist()
        assert len(set(rows)) == 6
        times.update(rows)
    begin = int(split.first[image])
    foreground = [times[begin + row] for row in range(6)]
    background = [times[begin + row] for row in range(6, 14)]
    assert sum(foreground) == sum(background) == 6000
    assert np.std(foreground) < 60 and np.std(background) < 60  # binomial: 22 and 22


def test_rois_are_a_function_of_seed_and_step(split: Split) -> None:
    sampler = RoISampler(split, 6, 0.5, CLASSES)
    draw = [sampler.draw(np.arange(20), random_of(*key)).tolist() for key in ((0, 1), (0, 1), (0, 2), (1, 1))]
    assert draw[0] == draw[1]
    assert draw[0] != draw[2] and draw[0] != draw[3]


def test_images_without_rois() -> None:
    arrays = first_images(made_split(1, 2, 14, True, seed=0), 1)
    arrays |= {"first": np.array([0, 14, 14]), "image_ids": np.array([1, 2])}
    sampler = RoISampler(Split(**arrays), 4, 0.5, CLASSES)
    assert sampler.draw(np.array([1, 1]), random_of(0, 0)).tolist() == []
    assert len(sampler.draw(np.array([1, 0, 1]), random_of(0, 0))) == 4

"""Mask targets, against stock mmdet's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mask_cases import PREDICTORS, heads, register, sampled
from mmdet.structures.mask import BitmapMasks, PolygonMasks, mask_target
from mmengine.config import ConfigDict

from lt_bench.detector.mask_targets import mask_targets


@pytest.fixture(scope="module", autouse=True)
def _scope() -> None:
    register()


@settings(max_examples=50)
@given(
    objects=st.integers(1, 5),
    rois=st.integers(0, 8),
    size=st.sampled_from([1, 14, (7, 28)]),
    seed=st.integers(0, 2**16),
)
def test_targets_equal_stock(objects: int, rois: int, size: Any, seed: int) -> None:
    """Boxes within the image, across its border, outside of it, and without any extent."""
    rng = np.random.default_rng(seed)
    masks = BitmapMasks(rng.integers(0, 2, (objects, 23, 31), dtype=np.uint8), 23, 31)
    boxes = torch.from_numpy(rng.uniform(-10, 40, (rois, 2, 2)).astype(np.float32)).sort(dim=1).values.flatten(1)
    boxes[: rois // 4, 2:] = boxes[: rois // 4, :2]
    index = torch.from_numpy(rng.integers(0, objects, rois))
    before = boxes.clone()
    found = mask_targets(masks, boxes, index, size if isinstance(size, tuple) else (size, size))
    assert torch.equal(boxes, before)
    expected = mask_target([boxes.clone()], [index], [masks], ConfigDict(mask_size=size))
    assert found.dtype == expected.dtype
    assert torch.equal(found, expected)


def test_polygons_and_soft_targets_are_left_to_mmdet() -> None:
    stock, ours = heads(PREDICTORS["plain"], 5, torch.float32)
    results, instances, cfg = sampled(torch.tensor([0, 1]))
    cfg.soft_mask_target = True
    soft = ours.get_targets(results, instances, cfg)
    assert torch.equal(soft, stock.get_targets(results, instances, cfg))
    assert ((soft > 0) & (soft < 1)).any()
    polygons = [[np.array([1.0, 2, 20, 2, 20, 30])], [np.array([5.0, 5, 30, 9, 8, 30])]]
    instances[0].masks = PolygonMasks(polygons, 40, 50)
    cfg = ConfigDict(mask_size=28)
    assert torch.equal(ours.get_targets(results, instances, cfg), stock.get_targets(results, instances, cfg))

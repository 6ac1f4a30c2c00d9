"""Masks as run lengths, against pycocotools on the whole masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as mask_api
from torch import Tensor

from lt_bench.detector.mask_encoding import _fetch, encode_masks


def expected(masks: Tensor) -> list[dict[str, Any]]:
    found = [mask_api.encode(np.asfortranarray(mask)) for mask in masks.numpy().astype(np.uint8)]
    return [{"size": list(rle["size"]), "counts": rle["counts"].decode()} for rle in found]


@given(arrays(bool, array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=9)))
def test_equals_pycocotools(masks: Any) -> None:
    assert encode_masks(torch.from_numpy(masks)) == expected(torch.from_numpy(masks))


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    data=st.data(),
)
def test_equals_pycocotools_on_boxes(height: int, width: int, data: Any) -> None:
    """Objects that touch one border, two, or all: runs that go on in the next column, or to the end."""
    masks = torch.zeros(3, height, width, dtype=torch.uint8)
    for mask in masks:
        top, bottom = sorted(data.draw(st.tuples(*[st.integers(0, height)] * 2)))
        left, right = sorted(data.draw(st.tuples(*[st.integers(0, width)] * 2)))
        mask[top:bottom, left:right] = 1
    assert encode_masks(masks) == expected(masks)


@pytest.mark.parametrize("value", [False, True])
@pytest.mark.parametrize("shape", [(0, 4, 5), (2, 4, 5), (1, 1, 1), (2, 700, 900)])
def test_nothing_and_everything(shape: tuple[int, int, int], value: bool) -> None:
    masks = torch.full(shape, value)
    assert encode_masks(masks) == expected(masks)


def test_masks_that_are_not_contiguous() -> None:
    masks = (torch.rand(7, 9, 4, generator=torch.Generator().manual_seed(0)) > 0.5).permute(2, 0, 1)
    assert encode_masks(masks) == expected(masks)


def test_parts_fetched_at_once_are_the_parts() -> None:
    """The way of masks on a GPU, here on the CPU."""
    whole = torch.rand(9, 11) > 0.5
    parts = [whole[1:4, 2:9], whole[0:0, 0:0], whole[8:9, 10:11]]
    assert all(torch.equal(found, part) for found, part in zip(_fetch(parts), parts, strict=True))
    assert _fetch([]) == []

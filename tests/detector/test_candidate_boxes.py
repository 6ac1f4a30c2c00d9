"""Boxes that are decoded when asked for, against those that are decoded all at once: the same bits."""

from __future__ import annotations

from unittest import mock

import pytest
import torch
from box_head_cases import make_head, make_inputs
from hypothesis import given
from hypothesis import strategies as st
from mmdet.utils import register_all_modules
from nms_cases import IMAGE, assert_same_bits

from lt_bench.detector import candidate_boxes
from lt_bench.detector.candidate_boxes import EncodedBoxes
from lt_bench.detector.deltas import GivenDeltas


@pytest.fixture(scope="module", autouse=True)
def _scope() -> None:
    register_all_modules()


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 300),
    rescale=st.booleans(),
    broken=st.booleans(),
    subset=st.floats(0.01, 1.0),
)
def test_a_part_decodes_as_the_whole(seed: int, count: int, rescale: bool, broken: bool, subset: float) -> None:
    """Vectorised kernels take other ways for the last elements of a tensor; the results must not depend on them."""
    generator = torch.Generator().manual_seed(seed)
    head = make_head(3, False)
    rois, _, deltas = make_inputs(head, count, generator)
    scale = (0.6, 0.61) if rescale else None
    if broken:
        deltas.view(-1)[int(torch.randint(0, deltas.numel(), (1,), generator=generator))] = float("nan")
    boxes = EncodedBoxes(head.bbox_coder, rois[:, 1:], GivenDeltas(deltas), IMAGE, scale)
    every = head.bbox_coder.decode(rois[:, 1:].repeat_interleave(3, 0), deltas.view(-1, 4), max_shape=IMAGE)
    if scale is not None:
        every = every * torch.tensor([scale * 2])
    chosen = torch.rand(count, 3, generator=generator) < subset
    chosen[0, 0] = True
    index = chosen.flatten().nonzero().squeeze(1)
    index = index[torch.randperm(index.shape[0], generator=generator)]
    assert_same_bits(boxes(index), every[index])
    with mock.patch.object(candidate_boxes, "_FIRST_CHUNK", 8):
        torch.testing.assert_close(boxes.largest(chosen), every[index].max(), rtol=0, atol=0, equal_nan=True)


def test_the_border_is_no_bound_without_clipping() -> None:
    head = make_head(1, False, clip_border=False)
    rois = torch.tensor([[0.0, 0.0, 128.0, 96.0], [0.0, 0.0, 100.0, 96.0]])
    deltas = torch.tensor([[0.0, 0.0, 0.0, 0.0], [9.0, 0.0, 0.0, 0.0]])
    with mock.patch.object(candidate_boxes, "_FIRST_CHUNK", 1):
        largest = EncodedBoxes(head.bbox_coder, rois, GivenDeltas(deltas), IMAGE).largest(
            torch.ones(2, 1, dtype=torch.bool)
        )
    torch.testing.assert_close(largest, torch.tensor(190.0))  # 100 pixels, moved by 9 * 0.1 of their width

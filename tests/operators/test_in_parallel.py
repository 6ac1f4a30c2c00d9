"""RoIAlign on several threads gives what it gives on one."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch
from operator_cases import SOURCES, roi_align
from torch import Tensor

from lt_bench.operators import in_parallel
from lt_bench.operators.choose import Kernels

ARGUMENTS = {
    "aligned_height": 7,
    "aligned_width": 5,
    "spatial_scale": 0.5,
    "sampling_ratio": 0,
    "pool_mode": 1,
    "aligned": True,
}
IMAGES = {
    "in order": [0, 0, 1, 1, 1, 2, 4, 4],
    "of the last image": [4, 4, 4],
    "of one": [2],
    "out of order": [3, 0, 4, 1, 0, 2],
    "none": [],
}


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def make_inputs(images: list[int]) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    corner = torch.rand(len(images), 2, generator=generator) * 20
    size = torch.rand(len(images), 2, generator=generator) * 30
    index = torch.tensor(images, dtype=torch.float32).view(-1, 1)
    return torch.randn(5, 3, 20, 16, generator=generator), torch.cat([index, corner, corner + size], 1)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("source", list(SOURCES))
@pytest.mark.parametrize("images", list(IMAGES))
def test_results_are_the_same_to_the_bit(source: str, images: str) -> None:
    kernels: Kernels = SOURCES[source]
    features, rois = make_inputs(IMAGES[images])
    torch.set_num_threads(1)
    alone = roi_align(kernels, features, rois, ARGUMENTS)
    for count in (2, 3, 4, 8):
        torch.set_num_threads(count)
        together = roi_align(kernels, features, rois, ARGUMENTS)
        assert all(map(torch.equal, together, alone)), count


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_every_image_and_every_roi_is_in_one_piece(count: int) -> None:
    torch.set_num_threads(count)
    features, rois = make_inputs(IMAGES["in order"])
    pieces = list(in_parallel._split(rois, features))
    assert len(pieces) == min(count, 5)
    seen = []
    for images, rows, moved in pieces:
        first = images.start or 0
        assert torch.equal(moved[:, 1:], rois[rows, 1:])
        assert ((moved[:, 0] >= 0) & (moved[:, 0] < len(features[images]))).all()
        seen += (moved[:, 0] + first).tolist()
    assert seen == rois[:, 0].tolist()
    assert sum(len(features[images]) for images, _, _ in pieces) == 5


@pytest.mark.usefixtures("threads")
def test_threads_record_no_gradients() -> None:
    """mmcv calls the kernels within an autograd function, where the calling thread records none."""
    torch.set_num_threads(2)
    recording = []
    features, rois = make_inputs(IMAGES["in order"])
    empty = features.new_zeros(0)
    kernel = in_parallel.forward(lambda *arguments, **options: recording.append(torch.is_grad_enabled()))
    with torch.no_grad():
        kernel(features.requires_grad_(), rois, torch.zeros(len(rois), 3, 7, 5), empty, empty, **ARGUMENTS)
    assert recording == [False, False]


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("source", list(SOURCES))
def test_it_works_in_inference_mode(source: str) -> None:
    torch.set_num_threads(2)
    features, rois = make_inputs(IMAGES["in order"])
    expected, _ = roi_align(SOURCES[source], features, rois, ARGUMENTS)
    with torch.inference_mode():
        found, _ = roi_align(SOURCES[source], features + 0, rois, ARGUMENTS)
    assert torch.equal(found, expected)


@pytest.mark.usefixtures("threads")
def test_a_fork_has_threads_of_its_own() -> None:
    torch.set_num_threads(2)
    assert in_parallel._threads(2).submit(int, "1").result() == 1
    code = os.fork()
    if code == 0:
        os._exit(in_parallel._threads(2).submit(int, "7").result(timeout=20))
    assert os.waitstatus_to_exitcode(os.waitpid(code, 0)[1]) == 7


@pytest.mark.usefixtures("threads")
def test_an_error_in_a_thread_is_an_error() -> None:
    torch.set_num_threads(2)

    def kernel(*arguments: object, **options: object) -> None:
        raise RuntimeError("no memory")

    features, rois = make_inputs(IMAGES["in order"])
    empty = features.new_zeros(0)
    with pytest.raises(RuntimeError, match="no memory"):
        in_parallel.forward(kernel)(features, rois, torch.zeros(len(rois), 3, 7, 5), empty, empty, **ARGUMENTS)

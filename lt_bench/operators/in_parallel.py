"""RoIAlign of a batch on several cores: mmcv's and torchvision's CPU kernels use one.

The images of a batch are shared among threads. The sums of one image are made by one thread in the order that they
always have, so the results are the same to the bit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import torch
from torch import Tensor

_Piece = tuple[slice, slice, Tensor]


def forward(kernel: Callable[..., None]) -> Callable[..., None]:
    """`kernel`, a roi_align_forward that fills its output, for images in parallel."""

    def call(input: Tensor, rois: Tensor, output: Tensor, argmax_y: Tensor, argmax_x: Tensor, **options: Any) -> None:
        def run(piece: _Piece) -> None:
            images, rows, moved = piece
            kernel(input[images], moved, output[rows], *_rows(rows, argmax_y, argmax_x), **options)

        _for_each(run, rois, input)

    return call


def backward(kernel: Callable[..., None]) -> Callable[..., None]:
    """`kernel`, a roi_align_backward that adds to its gradient, for images in parallel."""

    def call(
        grad_output: Tensor, rois: Tensor, argmax_y: Tensor, argmax_x: Tensor, grad_input: Tensor, **options: Any
    ) -> None:
        def run(piece: _Piece) -> None:
            images, rows, moved = piece
            kernel(grad_output[rows], moved, *_rows(rows, argmax_y, argmax_x), grad_input[images], **options)

        _for_each(run, rois, grad_input)

    return call


def _rows(rows: slice, *tensors: Tensor) -> Iterator[Tensor]:
    """What belongs to some of the RoIs; tensors of maxima are empty where means are taken."""
    return (tensor[rows] if tensor.numel() else tensor for tensor in tensors)


def _for_each(run: Callable[[_Piece], None], rois: Tensor, images: Tensor) -> None:
    pieces = list(_split(rois, images))
    if len(pieces) == 1:
        run(pieces[0])
    else:
        inference = torch.is_inference_mode_enabled()

        def run_as_here(piece: _Piece) -> None:
            with torch.inference_mode(inference), torch.no_grad():  # a thread begins with neither
                run(piece)

        # One piece per thread; torch's operators release Python's lock.
        list(_threads(len(pieces)).map(run_as_here, pieces))


def _split(rois: Tensor, images: Tensor) -> Iterator[_Piece]:
    """Images, rows of RoIs, and these RoIs counted from the first of the images: one piece for each thread.

    rois: [K, 5] as image, x1, y1, x2, y2. images: [N, C, H, W]. All in one piece where the RoIs are not in the order
    of the images.
    """
    count = min(torch.get_num_threads(), len(images))
    index = rois[:, 0]
    if images.device.type != "cpu" or count < 2 or len(rois) < 2 or bool((index[1:] < index[:-1]).any()):
        yield slice(None), slice(None), rois
        return
    cuts = torch.arange(1, count) * len(images) / count
    borders = [0, *torch.searchsorted(index.contiguous().float(), cuts.ceil()).tolist(), len(rois)]
    firsts = [0, *cuts.ceil().int().tolist(), len(images)]
    for number in range(count):
        rows = slice(borders[number], borders[number + 1])
        moved = rois[rows].clone()
        moved[:, 0] -= firsts[number]
        yield slice(firsts[number], firsts[number + 1]), rows, moved


@cache
def _threads(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="roi_align")


os.register_at_fork(after_in_child=_threads.cache_clear)  # a fork has none of its parent's threads

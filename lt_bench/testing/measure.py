"""What a call costs: its seconds and the memory of its tensors, on CPU and CUDA."""

from __future__ import annotations

import gc
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.autograd.profiler import profile

Call = Callable[[], object]
# Whatever a call needs that is not measured is made by a first function, which returns the one that is.
Prepare = Callable[[], Call]
Loss = Callable[[Tensor, Tensor], "Tensor | dict[str, Tensor]"]

CPU = torch.device("cpu")
# Runs of a turn: not measured, and measured.
LEAD_IN = 2
COUNTED = 3


def forward_backward(loss: Loss, logits: Tensor, labels: Tensor) -> Callable[[], Tensor]:
    """A call that runs `loss` forward and backward and returns d loss / d logits, shaped like the logits [N, K]."""
    leaf = logits.detach().requires_grad_()

    def call() -> Tensor:
        return torch.autograd.grad(total(loss(leaf, labels)), leaf)[0]

    return call


def total(output: Tensor | dict[str, Tensor]) -> Tensor:
    """The scalar that training minimises: the terms of a loss that returns a dict are added up."""
    return torch.stack(list(output.values())).sum() if isinstance(output, dict) else output


def seconds(
    calls: Mapping[str, Call], repeats: int, warmup: int = 2, device: torch.device = CPU
) -> dict[str, list[float]]:
    """Seconds of each call, `repeats` samples each, after `warmup` rounds that are not measured.

    The calls take turns, so that whatever else the machine does meets all of them alike: compare them with each
    other, within one result. A turn is five runs, of which the last three count: the first find the caches and the
    heap as another call left them, and can spend longer on fresh pages than on their work.

    On CUDA they are queued one after the other, as in training, and what is measured is the time between two events
    in that queue.
    """
    on_cuda = device.type == "cuda"
    with torch.cuda.device(device) if on_cuda else nullcontext():
        for _ in range(warmup):
            for call in calls.values():
                call()
        clocks: dict[str, list[Callable[[], float]]] = {name: [] for name in calls}
        for _ in range(math.ceil(repeats / COUNTED)):
            for name, call in calls.items():
                for _ in range(LEAD_IN):
                    call()
                clocks[name] += [_clock(call, on_cuda) for _ in range(COUNTED)]
        if on_cuda:
            torch.cuda.synchronize(device)
    return {name: [read() for read in taken[:repeats]] for name, taken in clocks.items()}


def interleaved_seconds(
    calls: Mapping[str, Prepare], repeats: int, device: torch.device, warmup: int = 1
) -> dict[str, list[float]]:
    """Seconds of each call, one of each per round, after `warmup` rounds that are not counted.

    From a device without work to a device without work: what the host does counts as well.
    """
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(warmup + repeats):
        for name, prepare in calls.items():
            call = prepare()
            gc.collect()  # not in the midst of what is measured
            settle(device)
            begin = time.perf_counter()
            call()
            settle(device)
            if number >= warmup:
                samples[name].append(float(f"{time.perf_counter() - begin:.4g}"))
    return samples


def settle(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_bytes(call: Call, device: torch.device = CPU) -> int:
    """The most bytes held at one time by tensors that `call` allocated. What was held before does not count.

    On CPU the profiler's record of the allocator is read, so temporaries inside an operator count, but no more than
    the bytes that were asked for. On CUDA it is the caching allocator's own figure, in blocks of 512 bytes.
    """
    if device.type == "cuda":
        settle(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        torch.cuda.synchronize(device)
        return int(torch.cuda.max_memory_allocated(device)) - before
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # the profiler writes lines to stderr at each start otherwise
    with profile(profile_memory=True) as profiler:
        call()
    assert profiler.kineto_results is not None
    held: dict[int, int] = {}
    now = peak = 0
    for address, size in _allocations(profiler.kineto_results.experimental_event_tree()):
        if size > 0:
            held[address] = size
            now += size
            peak = max(peak, now)
        else:  # 0 for what was allocated before the call
            now -= held.pop(address, 0)
    return peak


def _clock(call: Call, on_cuda: bool) -> Callable[[], float]:
    """Runs `call`, and returns what reads its seconds. On CUDA they can be read once the queue is empty."""
    if on_cuda:
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        start.record()
        call()
        end.record()
        return lambda: float(start.elapsed_time(end)) / 1000
    begin = time.perf_counter()
    call()
    passed = time.perf_counter() - begin
    return lambda: passed


def _allocations(events: list[Any]) -> Iterator[tuple[int, int]]:
    """Address and size of each allocation (size > 0) and release (size < 0) in the CPU's memory, in order of time."""
    found = []
    while events:
        found += [event for event in events if event.name == "[memory]"]
        events = [child for event in events for child in event.children]
    for event in sorted(found, key=lambda event: event.start_time_ns):
        if event.extra_fields.device.type == "cpu":
            yield event.extra_fields.ptr, event.extra_fields.alloc_size

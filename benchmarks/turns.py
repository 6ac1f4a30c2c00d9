"""Times calls in turn: whatever else the machine does meets all of them alike."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping

import torch

# Whatever a call needs that is not measured is made by a first function, which returns the one that is.
Prepare = Callable[[], Callable[[], object]]


def seconds_in_turn(
    calls: Mapping[str, Prepare], repeats: int, device: torch.device, warmup: int = 1
) -> dict[str, list[float]]:
    """Seconds of each call, one of each a round, after `warmup` rounds that are not counted.

    From a device without work to a device without work: what the host does counts as well.
    """
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(warmup + repeats):
        for name, prepare in calls.items():
            call = prepare()
            gc.collect()  # not in the midst of what is measured
            settle(device)
            begin = time.perf_counter()
            call()
            settle(device)
            if turn >= warmup:
                samples[name].append(float(f"{time.perf_counter() - begin:.4g}"))
    return samples


def settle(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)

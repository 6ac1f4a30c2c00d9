"""Moved to another device and back, a loss gives what it gives on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from lt_bench.api.loss import LongTailLoss
from lt_bench.testing.cases import Case, all_cases
from lt_bench.testing.examine import differing, examine, relative
from lt_bench.testing.loss_under_test import LossUnderTest, evaluate
from lt_bench.testing.result import Wrong
from lt_bench.testing.simulated_device import simulated_device

LIMIT = 1e-4  # another device may sum in another order, in float32
CALLS = 3


def devices(under_test: LossUnderTest) -> str:
    def test(case: Case) -> float:
        with _other_device() as device:
            return _deviation(under_test, case, device)

    worst = examine(all_cases(under_test.seed), test, LIMIT)
    other = torch.cuda.get_device_name() if torch.cuda.is_available() else "a simulated device"
    return f"on {other} and back, {worst:.1e} off the CPU (limit {LIMIT:.0e})"


@contextmanager
def _other_device() -> Iterator[torch.device]:
    if torch.cuda.is_available():
        yield torch.device("cuda")
    else:
        with simulated_device() as device:
            yield device


def _deviation(under_test: LossUnderTest, case: Case, device: torch.device) -> float:
    expected, moved = under_test.build(case.stats), under_test.build(case.stats).to(device)
    deviations = []
    for call in range(CALLS):
        logits, labels = case.batch(expected.num_logits, call)
        logits = logits.float()
        if call == CALLS - 1:
            moved = moved.to("cpu")
        where = torch.device("cpu") if call == CALLS - 1 else device
        found = evaluate(moved, logits.to(where), labels.to(where))
        wanted = evaluate(expected, logits, labels)
        deviations.append(relative(_on_cpu(found.value, where), wanted.value))
        deviations.append(relative(_on_cpu(found.gradient, where), wanted.gradient))
        deviations.append(relative(_scores(moved, logits, where), _scores(expected, logits, torch.device("cpu"))))
        state = {name: value.cpu() for name, value in moved.state_dict().items() if isinstance(value, Tensor)}
        difference = differing(state, {name: expected.state_dict()[name] for name in state}, LIMIT)
        if difference:
            raise Wrong(f"on another device the state {difference} differs after call {call + 1}")
    return max(deviations)


def _scores(loss: LongTailLoss, logits: Tensor, device: torch.device) -> Tensor:
    with torch.no_grad():
        return _on_cpu(loss.scores(logits.to(device)), device)


def _on_cpu(tensor: Tensor, expected: torch.device) -> Tensor:
    if tensor.device.type != expected.type:
        raise Wrong(f"with logits on another device, the result is on {tensor.device.type}")
    return tensor.cpu()

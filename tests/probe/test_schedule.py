from __future__ import annotations

import pytest
import torch
from mmengine.optim import LinearLR, MultiStepLR

from lt_bench.probe.schedule import in_steps


def by_mmengine(steps: int, warmup: int, milestones: list[int], rate: float) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)
    schedulers = [
        LinearLR(optimizer, start_factor=1e-4, by_epoch=False, begin=0, end=warmup + 1),
        MultiStepLR(optimizer, by_epoch=False, begin=0, end=steps, milestones=milestones, gamma=0.1),
    ]
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    return rates


@pytest.mark.parametrize("steps", [1, 2, 3, 12, 40, 2000])
@pytest.mark.parametrize("rate", [0.02, 0.06])
def test_rates_are_mmengines(steps: int, rate: float) -> None:
    found = in_steps(steps, 12, [8, 11], 0.1, warmup=10_000, start_factor=1e-4)
    milestones = [max(1, round(steps * 8 / 12)), max(1, round(steps * 11 / 12))]
    assert found.rates(rate) == by_mmengine(steps, max(1, steps // 10), milestones, rate)


def test_a_short_warm_up_stays_as_short() -> None:
    assert in_steps(2000, 12, [8, 11], 0.1, warmup=50, start_factor=1e-2).rates(1.0)[49:51] != [1.0, 1.0]
    assert in_steps(2000, 12, [8, 11], 0.1, warmup=50, start_factor=1e-2).rates(1.0)[50] == pytest.approx(1.0)

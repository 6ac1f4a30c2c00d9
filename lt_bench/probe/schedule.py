"""The learning rate of every step: that of mmengine's LinearLR and MultiStepLR, the way a run's config has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """steps: of the optimizer. warmup: steps before the full rate is reached, from start_factor of it on. milestones:
    steps, counted from 0, from which on the rate is gamma times what it was.
    """

    steps: int
    warmup: int
    start_factor: float
    milestones: tuple[int, ...]
    gamma: float

    def rates(self, rate: float) -> list[float]:
        """The learning rate of every step. rate: the full one."""
        rates, current = [], rate * self.start_factor
        for step in range(self.steps):
            if 0 < step <= self.warmup:
                # mmengine computes each rate from the one before; so is this, to the last bit
                rise = 1.0 - self.start_factor
                current *= 1.0 + rise / (self.warmup * self.start_factor + (step - 1) * rise)
            if step > 0:
                current *= self.gamma ** self.milestones.count(step)
            rates.append(current)
        return rates


def in_steps(
    steps: int, epochs: int, milestones: Sequence[int], gamma: float, warmup: int, start_factor: float
) -> Schedule:
    """A schedule of epochs in fewer steps, as a run has it with --max-iters: drops at the same share of the steps.

    milestones: epochs. warmup: steps, of which a tenth of all are the most.
    """
    return Schedule(
        steps=steps,
        warmup=min(warmup, max(1, steps // 10)),
        start_factor=start_factor,
        milestones=tuple(max(1, round(steps * milestone / epochs)) for milestone in milestones),
        gamma=gamma,
    )

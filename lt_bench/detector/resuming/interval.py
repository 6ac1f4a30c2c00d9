"""When a checkpoint is due: by optimizer steps or by the clock, and not so often that training suffers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lt_bench.errors import UserError

_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Every:
    """One of them is not None: optimizer steps, or seconds."""

    steps: int | None = None
    seconds: float | None = None


def parse_interval(text: str) -> Every:
    """ "500" steps, "90s", "30min" or "2h". Raises UserError for anything else."""
    found = re.fullmatch(r"([0-9]{1,9})(s|min|h)?", str(text).strip())
    if not found or not int(found[1]):
        raise UserError(
            f"checkpoints can't be written every {text!r}", "give a number of steps or a time: 500, 90s, 30min, 2h"
        )
    number, unit = int(found[1]), found[2]
    return Every(seconds=number * _UNITS[unit]) if unit else Every(steps=number)


class Interval:
    """Times are in seconds of one clock, steps those of the optimizer since the run's very beginning.

    most_share: of the time since the last checkpoint, what one may cost; one that costs more waits.
    """

    def __init__(self, every: Every, most_share: float) -> None:
        self.every, self.most_share = every, most_share
        self.cost = 0.0  # seconds, of the last checkpoint
        self._time, self._step = 0.0, 0

    def start(self, now: float, step: int) -> None:
        """The last checkpoint was now, after `step` steps."""
        self._time, self._step = now, step

    def is_due(self, now: float, step: int) -> bool:
        """Whether a checkpoint is to be written after `step` steps."""
        trained = now - self._time
        if trained * self.most_share < self.cost:
            return False
        if self.every.seconds is not None:
            return trained >= self.every.seconds
        assert self.every.steps is not None
        return step // self.every.steps > self._step // self.every.steps

    def saved(self, began: float, ended: float, step: int) -> tuple[float, float]:
        """A checkpoint was written: its seconds, and their share of the time since the one before."""
        self.cost = ended - began
        share = self.cost / max(ended - self._time, 1e-9)
        self.start(ended, step)
        return self.cost, share

"""When checkpoints are due."""

from __future__ import annotations

import pytest

from lt_bench.detector.resuming.interval import Every, Interval, parse_interval
from lt_bench.errors import UserError


@pytest.mark.parametrize(
    ("text", "every"),
    [
        ("500", Every(steps=500)),
        ("90s", Every(seconds=90)),
        ("30min", Every(seconds=1800)),
        ("2h", Every(seconds=7200)),
    ],
)
def test_steps_or_a_time(text: str, every: Every) -> None:
    assert parse_interval(text) == every


@pytest.mark.parametrize("text", ["", "0", "-5", "1.5h", "5 m", "nan", "10minutes", "9" * 10])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="30min") as caught:
        parse_interval(text)
    assert repr(text) in caught.value.message or not text


def test_by_steps() -> None:
    interval = Interval(Every(steps=10), most_share=0.05)
    interval.start(now=0.0, step=25)
    assert [step for step in range(25, 45) if interval.is_due(1.0, step)][:1] == [30]
    interval.saved(began=1.0, ended=1.0, step=31)  # late, because an accumulation was not complete
    assert not interval.is_due(2.0, 39)
    assert interval.is_due(2.0, 40)


def test_by_the_clock() -> None:
    interval = Interval(Every(seconds=60), most_share=0.05)
    interval.start(now=100.0, step=0)
    assert not interval.is_due(159.0, 10**6)
    assert interval.is_due(160.0, 1)


def test_what_costs_much_waits() -> None:
    interval = Interval(Every(steps=1), most_share=0.05)
    interval.start(now=0.0, step=0)
    cost, share = interval.saved(began=8.0, ended=10.0, step=5)
    assert (cost, share) == (2.0, 0.2)
    assert not interval.is_due(49.9, 100)
    assert interval.is_due(50.0, 100)  # 2 seconds are 5 % of 40

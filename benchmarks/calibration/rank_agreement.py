"""How often the intervals of a rank agreement hold the true tau: `python -m benchmarks.calibration.rank_agreement`.

Prints a table. The same --repetitions give the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click
import numpy as np

from benchmarks.calibration.seeds import LEVELS, holds, true_deviations
from benchmarks.calibration.simulated_runs import METRIC, Noise, Simulator
from benchmarks.common.command import SETTINGS
from lt_bench.evaluation.comparison.intervals import Interval
from lt_bench.evaluation.comparison.rank_agreement import agreement
from lt_bench.evaluation.comparison.tau import EQUAL, tau_b

# Places of seven losses in the second order; of them in the first, 0 to 6.
ORDERS = {
    "the same": (0, 1, 2, 3, 4, 5, 6),
    "two swaps": (1, 0, 2, 3, 5, 4, 6),
    "half": (2, 0, 1, 5, 3, 6, 4),
    "unrelated": (3, 0, 6, 1, 5, 2, 4),
    "reverse": (6, 5, 4, 3, 2, 1, 0),
}
STEPS = (0.0, 0.5, 1.0, 2.0, 3.0)  # standard errors of a difference between neighbours; 0: all equal, true tau 0
Row = dict[str, Any]


def coverage(
    noise: Noise, places: Sequence[int], step: float, n: int, repetitions: int, draws: int = 500, seed: int = 0
) -> Row:
    """Percent of repetitions in which an interval holds the true tau, and the mean of tau, redrawn tau and widths.

    places: of the losses in the second order. n: seeds of each loss, the same of all; others in the second order. Both
    orders are measured on the same images. step: see STEPS. seeds: of the true tau on the images drawn, which is what
    it promises.
    """
    simulator = Simulator(seed)
    deviation, images = true_deviations(noise, True)
    gap = step * (deviation**2 / n + images**2) ** 0.5
    truth = gap * np.array([*range(len(places)), *places])
    losses = len(places)
    true = _true(truth, losses)
    held = {"seeds": 0, "total": 0, "bounds": 0}
    taus, redrawn, widths = [], [], []
    for _ in range(repetitions):
        runs, here = simulator.losses(noise, truth, [range(n)] * losses + [range(n, 2 * n)] * losses)
        first, second = runs[:losses], runs[losses:]
        second = [replace(one, name=own.name) for own, one in zip(first, second, strict=True)]
        found = agreement(first, second, METRIC, same_images=True, draws=draws)
        assert found.tau is not None and found.redrawn is not None
        taus.append(found.tau)
        redrawn.append(found.redrawn)
        widths.append([_width(one) for one in (found.total, found.bounds)])
        held["seeds"] += _holds(found.seeds, _true(here, losses))
        held["total"] += _holds(found.total, true)
        held["bounds"] += _holds(found.bounds, true)
    return {
        "n": n,
        "step": step,
        "true": true,
        "tau": float(np.mean(taus)),
        "redrawn": float(np.mean(redrawn)),
        **{name: 100 * count / repetitions for name, count in held.items()},
        **dict(zip(("total_width", "bounds_width"), np.mean(widths, axis=0).tolist(), strict=True)),
    }


def _true(values: Any, losses: int) -> float:
    return float(np.nan_to_num(tau_b(values[:losses], values[losses:])))


def _width(interval: Interval | None) -> float:
    assert interval is not None
    return interval.high - interval.low


def _holds(interval: Interval | None, value: float) -> bool:
    """A tau has few values, which an interval may end at."""
    return interval is not None and holds(Interval(interval.low - EQUAL, interval.high + EQUAL), value)


@click.command(context_settings=SETTINGS)
@click.option("--repetitions", default=300, show_default=True, type=click.IntRange(min=1), help="Of each setting.")
@click.option("--seeds", default=10, show_default=True, type=click.IntRange(min=2), help="Of each loss.")
@click.option("--noise", default="1", show_default=True, type=click.Choice(list(LEVELS)), help="Seeds to images.")
def main(repetitions: int, seeds: int, noise: str) -> None:
    """Simulate, and print a row for each setting."""
    click.echo("order      step  true   tau redrawn | held: seeds total bounds | widths: total bounds")
    for step in STEPS:
        for name, places in ORDERS.items():
            if step == 0 and name != "the same":
                continue
            row = coverage(LEVELS[noise], places, step, seeds, repetitions)
            click.echo(
                f"{name:10} {step:4.1f} {row['true']:5.2f} {row['tau']:5.2f} {row['redrawn']:7.2f} |"
                f" {row['seeds']:11.1f} {row['total']:5.1f} {row['bounds']:6.1f} |"
                f" {row['total_width']:13.2f} {row['bounds_width']:6.2f}"
            )


if __name__ == "__main__":
    main()

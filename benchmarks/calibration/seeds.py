"""Whether intervals over seeds, and over seeds and images, cover what they promise; and whether the power is right.

    python -m benchmarks.calibration.seeds                  in full: a quarter of an hour
    python -m benchmarks.calibration.seeds --from docs/calibration_seeds.json     the page anew

Writes docs/calibration_seeds.json and docs/calibration_seeds.md. The same --repetitions give the same
numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.calibration import seeds_page
from benchmarks.calibration.simulated_runs import METRIC, Noise, Simulator
from benchmarks.common import CHECKOUT
from benchmarks.common.command import SETTINGS, dump
from lt_bench.evaluation.comparison.intervals import Interval
from lt_bench.evaluation.comparison.power import power_of, resolvable, seeds_needed
from lt_bench.evaluation.comparison.probability import probability_best
from lt_bench.evaluation.comparison.ranking import all_pairs, is_significant
from lt_bench.evaluation.comparison.runs import LossRuns, are_paired
from lt_bench.evaluation.comparison.total import difference
from lt_bench.utils.files import write_atomic

JSON, PAGE = CHECKOUT / "docs" / "calibration_seeds.json", CHECKOUT / "docs" / "calibration_seeds.md"
# Of the images' variance in one run, half is the loss's and half the single run's; in the last level, 1 % and 99 %.
LEVELS = {
    **{f"{ratio:g}": Noise(ratio, 0.5**0.5, 0.5**0.5, common=0.5) for ratio in (5.0, 1.0, 0.2)},
    seeds_page.SINGLE_RUNS: Noise(0.2, 0.1, 0.99**0.5, common=0.5),
}
SIZES = ((2, 2), (3, 3), (5, 5), (10, 10), (2, 5), (3, 10))
STEP = 2  # standard errors between one loss and the next
SEVERAL_SHARE = 3  # one in so many of the repetitions, for what takes 84 comparisons each
UNEVEN_SHARE = 2  # and for what takes 42

Row = dict[str, Any]


def seeds_of(n_first: int, n_second: int, paired: bool) -> tuple[range, range]:
    return range(n_first), range(n_second) if paired else range(n_first, n_first + n_second)


def coverage(noise: Noise, n_first: int, n_second: int, paired: bool, repetitions: int, seed: int = 0) -> Row:
    """Percent of repetitions in which an interval holds the true difference.

    seeds, images, total, both_drawn: the difference between the losses as such. seeds_here: the seeds' interval and
    the difference of the losses on the images drawn, which is what it promises. both_drawn: percentiles over seeds and
    images drawn with replacement. width: the total's median width, over that of a 95 % interval if all variances were
    known.
    """
    simulator = Simulator(seed)
    truth = (0.0, 1.0)
    sampled = ((1 - noise.common) * 2 / n_first) if paired else 1 / n_first + 1 / n_second
    known = (noise.seeds**2 * sampled + 2 * noise.images**2 + noise.both**2 * (1 / n_first + 1 / n_second)) ** 0.5
    held = {name: 0 for name in ("seeds", "images", "total", "both_drawn", "seeds_here")}
    widths = []
    for _ in range(repetitions):
        (first, second), here = simulator.losses(noise, truth, seeds_of(n_first, n_second, paired))
        found = difference(first, second, METRIC)
        intervals = {"seeds": found.seeds, "images": found.images, "total": found.total}
        intervals["both_drawn"] = both_drawn(first, second, simulator.rng)
        for name, interval in intervals.items():
            held[name] += holds(interval, truth[1] - truth[0])
        held["seeds_here"] += holds(found.seeds, here[1] - here[0])
        assert found.total is not None
        widths.append((found.total.high - found.total.low) / (2 * 1.96 * known))
    shares = {name: round(100 * count / repetitions, 2) for name, count in held.items()}
    return {
        "first": n_first,
        "second": n_second,
        "paired": paired,
        **shares,
        "width": round(float(np.median(widths)), 3),
    }


def holds(interval: Interval | None, value: float) -> bool:
    return interval is not None and bool(interval.low <= value <= interval.high)


def both_drawn(first: LossRuns, second: LossRuns, rng: np.random.Generator) -> Interval:
    """The plain bootstrap that the total interval replaces: percentiles over runs and images drawn with replacement."""
    drawn = []
    state = int(rng.integers(1 << 32))
    for number, one in enumerate((first, second)):
        resampled = one.in_resamples(METRIC)
        assert resampled is not None
        runs, resamples = resampled.shape
        draw = np.random.default_rng((state, 0 if are_paired(first, second) else number))  # pairs: the same runs
        drawn.append(resampled[draw.integers(runs, size=(runs, resamples)), np.arange(resamples)].mean(axis=0))
    low, high = np.percentile(drawn[1] - drawn[0], (2.5, 97.5))
    return Interval(float(low), float(high))


def one_loss(noise: Noise, n: int, repetitions: int, seed: int = 0) -> Row:
    """Percent of repetitions in which a loss is called different from itself, over two disjoint sets of n seeds."""
    simulator = Simulator(seed)
    called = {"seeds": 0, "images": 0, "total": 0}
    for _ in range(repetitions):
        (first, second), _ = simulator.losses(noise, (0.0, 0.0), seeds_of(n, n, False), same=True)
        found = difference(first, second, METRIC)
        for name, interval in (("seeds", found.seeds), ("images", found.images), ("total", found.total)):
            called[name] += not holds(interval, 0.0)
    return {"n": n, **{name: round(100 * count / repetitions, 2) for name, count in called.items()}}


def several(noise: Noise, losses: int, n: int, repetitions: int, seed: int = 0) -> Row:
    """Percent of repetitions in which any pair of equal losses is called different, and how well unequal ones are told
    apart: of all pairs of losses that stand in a row, `STEP` standard errors between neighbours, the share that is.

    plain: without Holm's correction. holm: with it. pooled: with it and one variance for all losses.
    """
    simulator = Simulator(seed)
    wrong = {"plain": 0, "holm": 0, "pooled": 0}
    found = {"holm": 0, "pooled": 0}
    deviation, images = true_deviations(noise, True)
    step = STEP * (deviation**2 / n + images**2) ** 0.5
    for _ in range(repetitions):
        runs, _ = simulator.losses(noise, [0.0] * losses, [range(n)] * losses)
        pairs = all_pairs(runs, METRIC)
        wrong["plain"] += any(pair.p is not None and pair.p <= 0.05 for pair in pairs)
        wrong["holm"] += any(map(is_significant, pairs))
        wrong["pooled"] += any(map(is_significant, all_pairs(runs, METRIC, pooled=True)))
        runs, _ = simulator.losses(noise, [step * number for number in range(losses)], [range(n)] * losses)
        found["holm"] += sum(map(is_significant, all_pairs(runs, METRIC)))
        found["pooled"] += sum(map(is_significant, all_pairs(runs, METRIC, pooled=True)))
    pairs_in_all = repetitions * losses * (losses - 1) // 2
    return {
        "losses": losses,
        "n": n,
        **{name: round(100 * count / repetitions, 2) for name, count in wrong.items()},
        **{f"{name}_found": round(100 * count / pairs_in_all, 2) for name, count in found.items()},
    }


def uneven(noise: Noise, losses: int, n: int, last_scatters: float, repetitions: int, seed: int = 0) -> Row:
    """Percent of repetitions in which any pair of equal losses is called different, one of which scatters more."""
    simulator = Simulator(seed)
    wrong = {"holm": 0, "pooled": 0}
    for _ in range(repetitions):
        runs, _ = simulator.losses(noise, [0.0] * losses, [range(n)] * losses, last_scatters=last_scatters)
        for name in wrong:
            wrong[name] += any(map(is_significant, all_pairs(runs, METRIC, pooled=name == "pooled")))
    return {
        "n": n,
        "last": last_scatters,
        **{name: round(100 * count / repetitions, 2) for name, count in wrong.items()},
    }


def true_deviations(noise: Noise, paired: bool) -> tuple[float, float]:
    """Between runs (differences of pairs), and of the difference with the images: what power.py takes."""
    of_run = noise.seeds**2 * ((1 - noise.common) if paired else 1) + noise.both**2
    return (of_run * (2 if paired else 1)) ** 0.5, (2 * noise.images**2) ** 0.5


def simulated_power(noise: Noise, n: int, paired: bool, repetitions: int, seed: int = 0) -> Row:
    """The difference that n seeds resolve, and how often it is found in percent: promised, and simulated."""
    simulator = Simulator(seed)
    deviation, images = true_deviations(noise, paired)
    size = resolvable(n, deviation, paired, images)
    assert size is not None
    found = 0
    for _ in range(repetitions):
        (first, second), _ = simulator.losses(noise, (0.0, size), seeds_of(n, n, paired))
        result = difference(first, second, METRIC)
        found += result.p is not None and result.p <= 0.05
    return {
        "n": n,
        "paired": paired,
        "resolvable": round(size, 4),
        "promised": round(100 * power_of(size, deviation, n, paired, images), 2),
        "simulated": round(100 * found / repetitions, 2),
    }


def simulated_need(size: float, paired: bool, repetitions: int, seed: int = 0) -> Row:
    """Seeds that a difference of `size` standard deviations needs, and the power with them and with one seed less.

    Seeds alone: no noise from images, and scipy's own t-tests.
    """
    from scipy import stats

    rng = np.random.default_rng(seed)
    need = seeds_needed(size, 1.0, paired)
    assert need is not None
    row: Row = {"size": size, "paired": paired, "needed": need}
    for name, n in (("with", need), ("one_less", need - 1)):
        if n < 2:
            row[name] = 0.0
        elif paired:
            p = stats.ttest_1samp(size + rng.normal(size=(repetitions, n)), 0, axis=1).pvalue
            row[name] = round(100 * float((p <= 0.05).mean()), 2)
        else:
            sides = size + rng.normal(size=(repetitions, n)), rng.normal(size=(repetitions, n))
            p = stats.ttest_ind(*sides, axis=1, equal_var=False).pvalue
            row[name] = round(100 * float((p <= 0.05).mean()), 2)
    return row


def best_of_two(noise: Noise, n: int, repetitions: int, seed: int = 0) -> list[Row]:
    """How often the loss that is called the best with some probability is the best. All differences alike probable."""
    simulator = Simulator(seed)
    truths, said = [], []
    for _ in range(repetitions):
        gap = float(simulator.rng.uniform(-15, 15))
        runs, _ = simulator.losses(noise, (0.0, gap), seeds_of(n, n, True))
        said.append(probability_best(runs, METRIC, draws=2000)["loss 1"])
        truths.append(gap > 0)
    sure, right = np.array(said), np.array(truths)
    right = np.where(sure >= 0.5, right, ~right)
    sure = np.maximum(sure, 1 - sure)
    rows: list[Row] = []
    for low, high in ((0.5, 0.7), (0.7, 0.9), (0.9, 0.99)):
        inside = (sure >= low) & (sure < high)
        rows.append({"n": n, "low": low, "high": high, "cases": int(inside.sum())})
        for name, shares in (("said", sure), ("true", right)):
            rows[-1][name] = round(100 * float(shares[inside].mean()), 1) if inside.any() else None
    return rows


def measure(repetitions: int) -> Row:
    return {
        "repetitions": repetitions,
        "repetitions_several": repetitions // SEVERAL_SHARE,
        "repetitions_uneven": repetitions // UNEVEN_SHARE,
        "coverage": list(_coverages(repetitions)),
        "one_loss": [
            {"noise": name, **one_loss(noise, n, repetitions)} for n in (2, 3, 5, 10) for name, noise in LEVELS.items()
        ],
        "several": [
            {"noise": name, **several(noise, 7, n, repetitions // SEVERAL_SHARE)}
            for n in (3, 5)
            for name, noise in LEVELS.items()
        ],
        "uneven": [
            {"noise": name, **uneven(noise, 7, 3, last, repetitions // UNEVEN_SHARE)}
            for last in (1.0, 2.0, 3.0)
            for name, noise in LEVELS.items()
        ],
        "power": [
            {"noise": name, **simulated_power(noise, n, paired, repetitions)}
            for n in (3, 5, 10)
            for paired in (True, False)
            for name, noise in LEVELS.items()
        ],
        "needed": [
            simulated_need(size, paired, 5 * repetitions) for paired in (True, False) for size in (0.5, 1.0, 2.0, 4.0)
        ],
        "best": [row for n in (3, 5) for row in best_of_two(LEVELS["1"], n, repetitions)],
    }


def _coverages(repetitions: int) -> Iterator[Row]:
    for paired in (True, False):
        for first, second in SIZES:
            if paired and first != second:
                continue
            for name, noise in LEVELS.items():
                yield {"noise": name, **coverage(noise, first, second, paired, repetitions)}


@click.command(context_settings=SETTINGS)
@click.option("--repetitions", default=2000, show_default=True, type=click.IntRange(min=4), help="Of each setting.")
@click.option(
    "--from",
    "measured",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="JSON",
    help="Of an earlier run.",
)
def main(repetitions: int, measured: Path | None) -> None:
    """Simulate, and write JSON and page; or the page only."""
    data = json.loads(measured.read_text(encoding="utf-8")) if measured else measure(repetitions)
    if not measured:
        write_atomic(JSON, [dump(data).encode()])
    write_atomic(PAGE, [seeds_page.page(data).encode()])
    click.echo(f"wrote {PAGE}")


if __name__ == "__main__":
    main()

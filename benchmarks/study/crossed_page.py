"""What the runs with one recipe's sampler and the other's classifier show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from benchmarks.common.table import table
from benchmarks.study.crossed import OTHER, says
from benchmarks.study.load import BASELINE, Track, best_runs, with_seeds
from benchmarks.study.sentences import change
from lt_bench.evaluation.comparison.runs import LossRuns
from lt_bench.evaluation.comparison.total import difference
from lt_bench.leaderboard.rows import Row, Run
from lt_bench.leaderboard.standing import loss_runs

METRICS = ("AP", "APr")
PLAIN, NORMED, REPEATED, COMMON = (
    "random, linear (plain)",
    "random, normalised",
    "repeat factors, linear",
    "repeat factors, normalised (common)",
)
KINDS = (PLAIN, NORMED, REPEATED, COMMON)
Runs = Mapping[str, LossRuns]  # by loss


@dataclass(frozen=True, eq=False)
class Crossed:
    """runs: one of KINDS -> the runs of each loss, in all four with the same seeds."""

    dataset: str
    features: str
    runs: Mapping[str, Runs]

    @property
    def losses(self) -> list[str]:
        """The best of the recipe common first."""
        return sorted(self.runs[COMMON], key=lambda loss: -self.mean(COMMON, loss, "AP"))

    def mean(self, kind: str, loss: str, metric: str) -> float:
        return float(self.runs[kind][loss].measured(metric).mean())


def crossed(folder: Path, tracks: Sequence[Track]) -> list[Crossed]:
    """Of all features that have such runs in `folder` and records of both recipes."""
    there = best_runs(folder / "crossed")
    found = []
    boxes = [track for track in tracks if track.features is not None and not track.has_masks_of_its_own]
    for plain in [track for track in boxes if track.recipe == "plain"]:
        for common in [one for one in boxes if (one.recipe, one.features) == ("common", plain.features)]:
            own = [run for run in there if run.record.track.features == plain.features]
            if own:
                found.append(_crossed(plain, common, own))
    return found


def parts_of(one: Crossed) -> list[str]:
    """The parts of the page."""
    count = len(one.runs[COMMON][one.losses[0]].seeds)
    rows = [
        [loss, *(" / ".join(f"{100 * one.mean(kind, loss, metric):.1f}" for metric in METRICS) for kind in KINDS)]
        for loss in one.losses
    ]
    return [
        f"## Sampler and classifier apart: {one.dataset}, features of {one.features}",
        "The recipes plain and common differ in two things. Here each is changed alone; all else is as in both. Box AP "
        f"/ APr on the validation images, mean of {count} seed{'s' if count > 1 else ''}:",
        table(["loss", *KINDS], rows, "lr"),
        "\n".join(f"- {line}" for line in sentences(one)),
    ]


def sentences(one: Crossed) -> list[str]:
    """What each change does to ce's tail, and to the order."""
    lines = []
    if BASELINE in one.losses:
        for before, after, words in (
            (PLAIN, REPEATED, "Repeat factors, with the linear classifier"),
            (NORMED, COMMON, "Repeat factors, with the normalised classifier"),
            (PLAIN, NORMED, "The normalised classifier, with random sampling"),
            (REPEATED, COMMON, "The normalised classifier, with repeat factors"),
        ):
            first, second = (one.runs[kind][BASELINE] for kind in (before, after))
            found = ", ".join(
                f"{metric} {change(difference(first, second, metric))}" for metric in ("APr", "APc", "APf")
            )
            lines.append(f"{words}: ce's {found}.")
    return lines + [line for metric in METRICS if (line := turned(one, metric))]


def turned(one: Crossed, metric: str) -> str:
    """Which of the two changes alone turns the pairs around that both together turn; "" if there are none."""
    pairs = [
        pair if _ahead(one, COMMON, *pair, metric) > 0 else pair[::-1]
        for pair in combinations(one.losses, 2)
        if _ahead(one, PLAIN, *pair, metric) * _ahead(one, COMMON, *pair, metric) < 0
    ]
    if not pairs:
        return ""
    parts = []
    for kind, words in ((NORMED, "the normalised classifier"), (REPEATED, "repeat factors")):
        there = [f"{first} > {second}" for first, second in pairs if _ahead(one, kind, first, second, metric) > 0]
        listed = f" ({', '.join(there)})" if there else ""
        parts.append(f"with {words} alone {len(there)}{listed}")
    return (
        f"{metric}: {len(pairs)} pairs of means lie one way in plain and the other in common. Of these lie as in "
        f"common {', and '.join(parts)}."
    )


def _crossed(plain: Track, common: Track, runs: Sequence[Run]) -> Crossed:
    """runs: of these features."""
    by_kind: dict[str, Runs] = {PLAIN: _by_name(plain.runs()), COMMON: _by_name(common.runs())}
    for kind, sampler in ((NORMED, "plain"), (REPEATED, "common")):
        of_loss: dict[str, list[Run]] = {}
        for run in runs:
            if run.record.track.recipe == sampler and list(run.record.overrides) == [says(OTHER[sampler])]:
                of_loss.setdefault(run.record.method, []).append(run)
        by_kind[kind] = {
            name: loss_runs(name, Row(name, tuple(sorted(of_loss[name], key=lambda run: run.record.seed))), "bbox")
            for name in sorted(of_loss)
        }
    names = sorted(set.intersection(*(set(found) for found in by_kind.values())))
    shared = {name: set.intersection(*(set(found[name].seeds) for found in by_kind.values())) for name in names}
    least = min(shared.values(), key=len, default=set())
    return Crossed(
        plain.dataset,
        str(plain.features),
        {kind: {name: with_seeds(found[name], least) for name in names} for kind, found in by_kind.items()},
    )


def _by_name(runs: Sequence[LossRuns]) -> Runs:
    return {one.name: one for one in runs}


def _ahead(one: Crossed, kind: str, first: str, second: str, metric: str) -> float:
    return float(np.sign(one.mean(kind, first, metric) - one.mean(kind, second, metric)))

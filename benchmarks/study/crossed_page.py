"""What the runs with one recipe's sampler and the other's classifier show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from benchmarks.common.table import table
from benchmarks.study.crossed import RANDOM_NORMED, RFS_LINEAR
from benchmarks.study.load import Track, with_seeds
from benchmarks.study.rows import Row, crossed_path, read_rows

METRICS = ("AP", "APr")
HEADS = {
    "plain": "random, linear (plain)",
    RANDOM_NORMED: "random, normalised",
    RFS_LINEAR: "repeat factors, linear",
    "common": "repeat factors, normalised (common)",
}
Values = Mapping[str, Mapping[str, float]]  # by loss, then metric; in [0, 1]


@dataclass(frozen=True, eq=False)
class Crossed:
    """plain, common: the boards' tracks on the same features. values: kind of HEADS -> means over `seeds`."""

    plain: Track
    common: Track
    seeds: tuple[int, ...]
    values: Mapping[str, Values]

    @property
    def losses(self) -> list[str]:
        """Those that all four have, the best of the recipe common first."""
        there = set.intersection(*(set(found) for found in self.values.values()))
        return sorted(there, key=lambda loss: -self.values["common"][loss]["AP"])


def crossed(folder: Path, tracks: Sequence[Track]) -> list[Crossed]:
    """Of all features that have such runs and records of both recipes."""
    found = []
    boxes = [track for track in tracks if track.features is not None and not track.has_masks_of_its_own]
    for plain in [track for track in boxes if track.recipe == "plain"]:
        rows = read_rows(crossed_path(folder, str(plain.features)))
        for common in [one for one in boxes if (one.recipe, one.features) == ("common", plain.features)]:
            if rows:
                found.append(_crossed(plain, common, rows))
    return found


def parts_of(one: Crossed) -> list[str]:
    """The parts of the page."""
    seeds = f"{len(one.seeds)} seed{'s' if len(one.seeds) > 1 else ''}"
    rows = [
        [loss, *(" / ".join(f"{100 * one.values[kind][loss][metric]:.1f}" for metric in METRICS) for kind in HEADS)]
        for loss in one.losses
    ]
    return [
        f"## Sampler and classifier apart: {one.plain.dataset}, features of {one.plain.features}",
        "The recipes plain and common differ in two things. Here each is changed alone; all else is as in both. Box AP "
        f"/ APr on the validation images, mean of {seeds}; another draw of images moves a difference by about a point.",
        table(["loss", *HEADS.values()], rows, "lr"),
        "\n".join(f"- {line}" for metric in METRICS if (line := turned(one, metric))),
    ]


def turned(one: Crossed, metric: str) -> str:
    """Which of the two changes alone turns the pairs around that both together turn; "" if there are none."""
    pairs = [
        pair if _sign(one.values["common"], *pair, metric) > 0 else pair[::-1]
        for pair in combinations(one.losses, 2)
        if _sign(one.values["plain"], *pair, metric) * _sign(one.values["common"], *pair, metric) < 0
    ]
    if not pairs:
        return ""
    parts = []
    for kind, words in ((RANDOM_NORMED, "the normalised classifier"), (RFS_LINEAR, "repeat factors")):
        there = [f"{first} > {second}" for first, second in pairs if _sign(one.values[kind], first, second, metric) > 0]
        listed = f" ({', '.join(there)})" if there else ""
        parts.append(f"with {words} alone {len(there)}{listed}")
    return (
        f"{metric}: {len(pairs)} pairs of means lie one way in plain and the other in common. Of these lie as in "
        f"common {', and '.join(parts)}."
    )


def _crossed(plain: Track, common: Track, rows: Sequence[Row]) -> Crossed:
    seeds = tuple(sorted({row.seed for row in rows}))
    values = {
        "plain": _of_board(plain, seeds),
        **{kind: _of_rows([row for row in rows if row.recipe == kind]) for kind in (RANDOM_NORMED, RFS_LINEAR)},
        "common": _of_board(common, seeds),
    }
    return Crossed(plain, common, seeds, values)


def _of_board(track: Track, seeds: Sequence[int]) -> Values:
    runs = [with_seeds(one, seeds) for one in track.runs()]
    return {one.name: {metric: float(one.measured(metric).mean()) for metric in METRICS} for one in runs if one.seeds}


def _of_rows(rows: Sequence[Row]) -> Values:
    found: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        for metric in METRICS:
            value = getattr(row, metric)
            found.setdefault(row.loss, {}).setdefault(metric, []).append(float("nan") if value is None else value)
    return {loss: {metric: float(np.mean(one)) for metric, one in of.items()} for loss, of in found.items()}


def _sign(values: Values, first: str, second: str, metric: str) -> float:
    return float(np.sign(values[first][metric] - values[second][metric]))

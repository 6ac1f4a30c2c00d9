"""What repeat factors and a normalised classifier do to the tail: the recipe common against plain, loss by loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.study.load import BASELINE, Track
from lt_bench.evaluation.comparison.runs import LossRuns
from lt_bench.evaluation.comparison.total import Difference, difference

GROUPS = ("AP", "APr", "APc", "APf")


@dataclass(frozen=True, eq=False)
class Tail:
    """plain: metric -> ce's own value with its interval. changes: loss -> metric -> common minus plain. doubts: metric
    -> why no interval of it can be trusted. repeats: whether repeat factors show an image more than once, None where
    nothing says it.
    """

    plain_track: Track
    common_track: Track
    plain: dict[str, Difference]
    changes: dict[str, dict[str, Difference]]
    doubts: dict[str, str]
    repeats: bool | None = None


def tails(tracks: Sequence[Track]) -> list[Tail]:
    """Of all pairs of decoupled tracks on the same features that have ce, measured by boxes."""
    return [
        tail(first, second)
        for first in tracks
        for second in tracks
        if first.features is not None
        and not (first.has_masks_of_its_own or second.has_masks_of_its_own)
        and (first.dataset, first.features) == (second.dataset, second.features)
        and (first.recipe, second.recipe) == ("plain", "common")
        and BASELINE in first.rows.keys() & second.rows.keys()
    ]


def tail(plain: Track, common: Track) -> Tail:
    """Two tracks that differ in the recipe."""
    losses = sorted(plain.rows.keys() & common.rows.keys())
    before, after = plain.runs(losses=losses), common.runs(losses=losses)
    changes = {
        one.name: {metric: difference(one, other, metric) for metric in GROUPS}
        for one, other in zip(before, after, strict=True)
    }
    base = before[losses.index(BASELINE)]
    return Tail(
        plain,
        common,
        {metric: own_value(base, metric) for metric in GROUPS},
        changes,
        plain.doubts(),
        common.repeats_images(),
    )


def own_value(runs: LossRuns, metric: str) -> Difference:
    """A loss's mean itself, with intervals as those of a difference: it is that from a loss that is always 0.

    An interval of a value holds the true one somewhat less often than one of a difference (docs/calibration.md).
    """
    resampled = None if runs.resampled is None else np.zeros_like(runs.resampled)
    return difference(LossRuns("0", runs.seeds, np.zeros_like(runs.values), resampled), runs, metric)

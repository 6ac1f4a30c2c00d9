"""The tables of what was run, of the orders, and of their agreement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from benchmarks.common.table import table
from benchmarks.study.agreements import METRICS, Comparison, ceilings
from benchmarks.study.load import BASELINE, Track
from benchmarks.study.roles import Section
from benchmarks.study.sentences import change, tau_text, verdict
from benchmarks.study.tail import GROUPS
from lt_bench.evaluation.comparison.intervals import Interval
from lt_bench.evaluation.comparison.ranking import all_pairs, rank_ranges
from lt_bench.evaluation.comparison.runs import LossRuns
from lt_bench.evaluation.comparison.total import Difference
from lt_bench.leaderboard.cells import ABSENT, mean_and_deviation
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.standing import POOLED


def of_tracks(tracks: Sequence[Track]) -> str:
    """What was run."""
    rows = [
        [
            track.dataset,
            "full" if track.features is None else f"decoupled, features of {track.features}",
            track.recipe,
            len(track.rows),
            track.seeds(),
            f"{track.first.iterations:,}" + (f" ({said})" if (said := ", ".join(track.first.overrides)) else ""),
            f"{track.first.data.classes} / {track.first.data.train_images:,} / {track.first.data.val_images:,}",
            "yes" if all(run.evidence for row in track.rows.values() for run in row.runs) else "not all",
        ]
        for track in tracks
    ]
    heads = ["data", "training", "recipe", "losses", "seeds", "steps", "classes / train / val images", "evidence"]
    return table(heads, rows, "lllr")


def of_detectors(tracks: Sequence[Track], further: Sequence[ResultRecord]) -> str:
    """The detectors behind the features, where their own records are there. further: records beside the tracks'."""
    full = [record for track in tracks if track.features is None for record in track.records]
    rows = []
    for dataset, features in sorted({(track.dataset, str(track.features)) for track in tracks if track.features}):
        loss, seed, *_ = [*features.split("_"), "", ""]
        found = [
            record
            for record in (*full, *further)
            if (record.track.dataset, record.method, str(record.seed)) == (dataset, loss, seed)
        ]
        for record in found:
            shown = [f"{100 * getattr(record.metrics.of('bbox'), metric):.1f}" for metric in GROUPS]
            trained = f"{record.track.recipe}, {record.iterations:,} iterations"
            rows.append([features, dataset, f"{loss}, seed {seed}", trained, *shown])
        if not found:
            rows.append([features, dataset, f"{loss}, seed {seed}", ABSENT, *[ABSENT] * len(GROUPS)])
    heads = ["features", "data", "trained with", "recipe", *(f"box {metric}" for metric in GROUPS)]
    return table(heads, rows, "llllr") if rows else ""


def of_order(track: Track) -> str:
    """The losses of a track by box AP, with ranks and differences from ce."""
    runs = track.runs()
    doubts = track.doubts()
    by_name = {one.name: one for one in runs}
    ranges = {metric: {} if metric in doubts else ranks(runs, metric) for metric in METRICS}
    changes = {
        (name, metric): one for metric in METRICS if metric not in doubts for name, one in _from_ce(runs, metric)
    }
    masks = "segm" in track.kinds
    rows = []
    for name in by_ap(runs):
        cells = [rank(ranges["AP"].get(name)), rank(ranges["APr"].get(name)), name, len(by_name[name])]
        cells += [mean_and_deviation(by_name[name].measured(metric)) for metric in GROUPS]
        if masks:
            (of_masks,) = track.runs("segm", [name])
            cells.append(mean_and_deviation(of_masks.measured("AP")))
        cells += [ABSENT if (name, metric) not in changes else change(changes[name, metric]) for metric in METRICS]
        rows.append(cells)
    heads = ["rank by AP", "by APr", "loss", "seeds", *GROUPS, *(["mask AP"] if masks else [])]
    heads += [f"Δ {metric} from ce [95 %]" for metric in METRICS]
    return table(heads, rows, "rrl" + "r" * (5 + masks) + "l")


def at_a_glance(sections: Sequence[Section]) -> str:
    """A line for each two orders: tau of both metrics, and what follows in AP."""
    rows = []
    for section in sections:
        rare = {(one.first, one.second): one for one in section.comparisons if one.metric == "APr"}
        for one in section.comparisons:
            if one.metric == "AP":
                both = [one, *([rare[one.first, one.second]] if (one.first, one.second) in rare else [])]
                taus = [_tau_and_bounds(found) for found in both]
                kept = [_kept(found) for found in both]
                filled = [*taus, ABSENT][:2] + [*kept, ABSENT][:2]
                rows.append([section.heading, one.first, one.second, len(one.losses), *filled, verdict(one)])
    heads = ["question", "first order", "second order", "losses", "tau of AP [bounds]", "tau of APr [bounds]"]
    heads += ["pairs kept, AP", "pairs kept, APr", "what follows in AP"]
    return table(heads, rows, "lllrrrrrl") if rows else "No two orders are there yet."


def of_comparisons(found: Iterable[Comparison]) -> str:
    """A line for each metric of two orders."""
    rows = []
    for one in found:
        pairs, agreement = one.pairs, one.agreement
        counts = [len(pairs.first), len(pairs.second), len(pairs.same), len(pairs.opposite)]
        rows.append(
            [
                one.first,
                one.second,
                one.metric,
                len(one.losses),
                ABSENT if agreement.tau is None else tau_text(agreement.tau),
                interval(agreement.bounds) if len(one.losses) > 2 else ABSENT,  # one pair has no order of its own
                interval(agreement.seeds),
                interval(agreement.total),
                _share(one.chance),
                ABSENT if one.doubted else " / ".join(map(str, counts)),
                verdict(one),
            ]
        )
    heads = ["first order", "second order", "metric", "losses", "tau", "bounds", "95 % seeds", "95 % seeds and images"]
    heads += ["by chance", "pairs: first / second / same / reversed", "what follows"]
    return table(heads, rows, "lllrrrrrrll")


def of_ceilings(tracks: Sequence[Track]) -> str:
    """How well orders agree with themselves."""
    rows = []
    for track in tracks:
        for one in ceilings(track):
            middle = one.middle() if len(one.taus) > 1 else None  # a single split has no spread
            runs = str(one.runs[0]) if one.runs[0] == one.runs[1] else "{}-{}".format(*one.runs)
            rows.append([track.name, one.metric, runs, tau_text(one.mean() or 0.0), interval(middle)])
    return table(["order", "metric", "seeds in a half", "mean tau", "middle 95 %"], rows, "llr") if rows else ""


def _share(chance: float | None) -> str:
    if chance is None:
        return ABSENT
    return "< 0.1 %" if chance < 0.001 else f"{100 * chance:.1f} %"


def _tau_and_bounds(one: Comparison) -> str:
    found = one.agreement
    if found.tau is None:
        return ABSENT
    return tau_text(found.tau) + ("" if found.bounds is None or len(one.losses) < 3 else f" {interval(found.bounds)}")


def _kept(one: Comparison) -> str:
    """Of the first order's significant pairs, how many lie the same way in the second's means."""
    return ABSENT if one.doubted else f"{len(one.pairs.kept)} of {len(one.pairs.first)}"


def _from_ce(runs: Sequence[LossRuns], metric: str) -> list[tuple[str, Difference]]:
    """Of each other loss, with one variance between seeds for all losses, as on the boards."""
    base = [one for one in runs if one.name == BASELINE]
    pairs = all_pairs([*base, *(one for one in runs if one.name != BASELINE)], metric, pooled=POOLED)
    return [(pair.second, pair) for pair in pairs if pair.first == BASELINE]


def ranks(runs: Sequence[LossRuns], metric: str) -> dict[str, tuple[int, int]]:
    names = [one.name for one in runs if np.isfinite(one.measured(metric).mean())]
    return rank_ranges(names, all_pairs(runs, metric, pooled=POOLED))


def rank(found: tuple[int, int] | None) -> str:
    if found is None:
        return ABSENT
    return str(found[0]) if found[0] == found[1] else f"{found[0]}-{found[1]}"


def by_ap(runs: Sequence[LossRuns]) -> list[str]:
    return [one.name for one in sorted(runs, key=lambda one: (-float(one.measured("AP").mean()), one.name))]


def interval(interval: Interval | None) -> str:
    return ABSENT if interval is None else f"[{tau_text(interval.low)}, {tau_text(interval.high)}]"

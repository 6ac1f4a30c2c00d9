"""A comparison as text for a terminal. AP in percent, differences in points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from lt_bench.evaluation.comparison.cells import ABSENT, interval, minus, p_value, percent, points, table, wrapped
from lt_bench.evaluation.comparison.comparison import Comparison, Pair, Ranking
from lt_bench.evaluation.comparison.further_text import further
from lt_bench.evaluation.comparison.resampled_ap import COMPARED
from lt_bench.evaluation.comparison.runs import LossRuns, are_paired
from lt_bench.evaluation.comparison.total import COVERED_BY_NONE, COVERS
from lt_bench.evaluation.comparison.verdict import listed, says_nothing, verdict
from lt_bench.evaluation.terms import KINDS

ONE_SEED = "not known with one seed"
FEW_IMAGES = "too few images"


def render(comparison: Comparison, notes: Sequence[str] = ()) -> str:
    """Everything but the single classes."""
    parts = [
        *(wrapped(f"note: {note}") for note in notes),
        _losses(comparison),
        *_differences(comparison),
        _legend(comparison),
        _verdicts(comparison),
        *([_ranking(comparison.rankings["AP"])] if len(comparison.losses) > 2 and "AP" in comparison.rankings else []),
        further(comparison),
    ]
    return "\n\n".join(part for part in parts if part)


def _losses(comparison: Comparison) -> str:
    kind = KINDS[comparison.options.kind]
    head = f"{kind} AP in %, {comparison.images:,} validation images, {comparison.classes:,} classes"
    rows = [
        [runs.name, ",".join(map(str, runs.seeds)), str(len(runs)), *(_mean(runs, metric) for metric in COMPARED)]
        for runs in comparison.losses
    ]
    several = any(len(runs) > 1 for runs in comparison.losses)
    spread = "; mean ± standard deviation over seeds" if several else "; one seed each"
    return f"{head}{spread}\n\n{table(('loss', 'seeds', 'n', *COMPARED), rows, texts=2)}"


def _mean(runs: LossRuns, metric: str) -> str:
    values = 100 * runs.measured(metric)
    if not np.isfinite(values).all():
        return ABSENT
    return f"{values.mean():.2f}" + (f" ± {values.std(ddof=1):.2f}" if len(values) > 1 else "")


def _differences(comparison: Comparison) -> Iterator[str]:
    """Two losses: a table with a row a metric; more: a table a metric with a row a pair."""
    several = len(comparison.pairs) > 1
    columns = _columns(comparison)
    if not several:
        pair = comparison.pairs[0]
        rows = [[metric, *_cells(metric, pair, comparison, columns)] for metric in COMPARED]
        yield f"{minus(pair)}, in points\n\n{table(('', *columns), rows)}"
        return
    for metric in comparison.metrics():
        rows = [[minus(pair), *_cells(metric, pair, comparison, columns)] for pair in comparison.pairs]
        yield f"Differences in {metric}, in points\n\n{table(('', *columns), rows)}"


def _columns(comparison: Comparison) -> list[str]:
    swapped = any(pair.p_images_holm for pair in comparison.pairs)
    seeds = ["seeds", "p seeds"] if any(_knows_seeds(pair) for pair in comparison.pairs) else []
    p = ["p total", *(["p Holm"] if len(comparison.pairs) > 1 else [])] if seeds else []
    return ["difference", "images", *(["p swap"] if swapped else []), *seeds, "seeds and images", *p]


def _knows_seeds(pair: Pair) -> bool:
    return any(one.seeds is not None for one in pair.differences.values())


def _cells(metric: str, pair: Pair, comparison: Comparison, columns: Sequence[str]) -> list[str]:
    one = pair.differences.get(metric)
    if one is None:
        return [ABSENT] * len(columns)
    unknown = ONE_SEED if min(one.n_first, one.n_second) < 2 else ABSENT
    unknown = FEW_IMAGES if metric in comparison.doubts else unknown
    cells = {
        "difference": points(one.value),
        "images": interval(one.images),
        "p swap": p_value(one.p_images),
        "seeds": interval(one.seeds),
        "p seeds": p_value(one.p_seeds),
        "seeds and images": interval(one.total, unknown),
        "p total": p_value(one.p_total),
        "p Holm": p_value(one.p_holm),
    }
    return [cells[name] for name in columns]


def _legend(comparison: Comparison) -> str:
    options = comparison.options
    rows = [
        f"Intervals hold {100 * options.confidence:g} %; images are resampled {options.resamples:,} times (random seed "
        f"{options.random_seed}). What an interval covers:",
        f"  images            {COVERS['images']}",
        *([f"  seeds             {COVERS['seeds']}"] if any(map(_knows_seeds, comparison.pairs)) else []),
        f"  seeds and images  {COVERS['total']}",
        COVERED_BY_NONE,
    ]
    if any(pair.p_images_holm for pair in comparison.pairs):
        rows.append("p swap: from exchanging the detections of both image by image; it knows nothing of seeds either.")
    rows += _pairing(comparison)
    if options.pooled and any(map(_knows_seeds, comparison.pairs)):
        rows.append(
            "The variance between seeds is estimated once from all losses, as on a board; that is right as far as "
            "seeds move all losses alike. --no-pooled takes it from each pair alone."
        )
    single = [runs.name for runs in comparison.losses if len(runs) == 1]
    if single:
        rows.append(
            f"Seeds and images: {ONE_SEED} of {listed(single)}. The images' interval does not stand in for it: another "
            "seed may move AP by more."
        )
    return "\n".join(row if row.startswith(" ") else wrapped(row) for row in rows)


def _pairing(comparison: Comparison) -> list[str]:
    """Whether runs of the same seed are taken as pairs."""
    paired = {one.paired for pair in comparison.pairs if _knows_seeds(pair) for one in pair.differences.values()}
    if True in paired:
        where = "" if paired == {True} else " where two losses have the same"
        return [f"Seeds are paired{where}: the same seed gives the same first weights and the same order of images."]
    several = [runs for runs in comparison.losses if len(runs) > 1]
    if not any(are_paired(*two) for two in combinations(several, 2)):
        return []
    every = {seed for runs in several for seed in runs.seeds}
    lacking = [
        f"{runs.name} lacks seed {listed([str(seed) for seed in sorted(every - set(runs.seeds))])}"
        for runs in several
        if every - set(runs.seeds)
    ]
    return [f"No runs are paired by seed, since {listed(lacking)}; --no-pooled pairs losses that have the same seeds."]


def _verdicts(comparison: Comparison) -> str:
    """A sentence for each pair of which anything can be said, and one for all others."""
    said, silent = [], []
    for pair in comparison.pairs:
        if len(comparison.pairs) > 1 and says_nothing(pair, comparison.options.level):
            silent.append(minus(pair))
        else:
            said.append(wrapped(verdict(pair, comparison)))
    if silent:
        said.append(wrapped(f"In no metric can anything be said of {'; '.join(silent)}."))
    return "\n".join(said)


def _ranking(ranking: Ranking) -> str:
    rows = [
        [
            _ranks(one.rank, one.worst),
            one.name,
            ABSENT if np.isnan(one.mean) else f"{100 * one.mean:.2f}",
            percent(one.probability_best),
        ]
        for one in ranking.ranks
    ]
    parts = [
        wrapped("Ranks that a loss can have in AP, from the differences that are significant (Holm over all pairs):"),
        table(("rank", "loss", "AP", "probability of being best"), rows, texts=2),
    ]
    if any(one.from_images_only for one in ranking.ranks):
        parts.append(
            "A loss with one seed can have every rank; its probability takes the checkpoint for the loss, and says too "
            "much."
        )
    if ranking.groups:
        sets = "\n".join(f"  {', '.join(names)}" for names in ranking.groups)
        parts.append(f"Losses that can't be told apart:\n{sets}")
    return "\n\n".join(parts)


def _ranks(best: int | None, worst: int | None) -> str:
    if best is None or worst is None:
        return ABSENT
    return str(best) if best == worst else f"{best}-{worst}"

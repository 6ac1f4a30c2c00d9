"""A comparison as text for a terminal. AP in percent, differences in points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from tabulate import tabulate

from lt_bench.evaluation.comparison.comparison import Comparison, Pair, Ranking
from lt_bench.evaluation.comparison.intervals import Interval
from lt_bench.evaluation.comparison.resampled_ap import COMPARED
from lt_bench.evaluation.comparison.runs import LossRuns
from lt_bench.evaluation.comparison.total import COVERED_BY_NONE, COVERS, Difference
from lt_bench.evaluation.comparison.verdict import listed, verdict
from lt_bench.evaluation.terms import KINDS

ABSENT = "-"
ONE_SEED = "not known with one seed"


def render(comparison: Comparison, notes: Sequence[str] = ()) -> str:
    """Everything but the single classes."""
    parts = [
        *(f"note: {note}" for note in notes),
        _losses(comparison),
        *_differences(comparison),
        _legend(comparison),
        "\n".join(verdict(pair, comparison) for pair in comparison.pairs),
        *([_ranking(comparison.rankings["AP"])] if len(comparison.losses) > 2 and "AP" in comparison.rankings else []),
        "\n".join(line for pair in comparison.pairs for line in _power(pair, comparison)),
        "\n".join(_cross_check(comparison)),
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
    return f"{head}{spread}\n\n{_table(('loss', 'seeds', 'n', *COMPARED), rows, texts=2)}"


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
        rows = [[metric, *_cells(pair.differences.get(metric), pair, columns)] for metric in COMPARED]
        yield f"{_minus(pair)}, in points\n\n{_table(('', *columns), rows)}"
        return
    for metric in comparison.metrics():
        rows = [[_minus(pair), *_cells(pair.differences.get(metric), pair, columns)] for pair in comparison.pairs]
        yield f"Differences in {metric}, in points\n\n{_table(('', *columns), rows)}"


def _columns(comparison: Comparison) -> list[str]:
    swapped = any(pair.p_images_holm for pair in comparison.pairs)
    several = len(comparison.pairs) > 1
    p = ["p total", *(["p Holm"] if several else [])]
    return ["difference", "images", *(["p swap"] if swapped else []), "seeds", "p seeds", "seeds and images", *p]


def _cells(one: Difference | None, pair: Pair, columns: Sequence[str]) -> list[str]:
    if one is None:
        return [ABSENT] * len(columns)
    unknown = ONE_SEED if min(one.n_first, one.n_second) < 2 else ABSENT
    cells = {
        "difference": f"{100 * one.value:+.2f}",
        "images": interval(one.images),
        "p swap": p_value(one.p_images),
        "seeds": interval(one.seeds),
        "p seeds": p_value(one.p_seeds),
        "seeds and images": interval(one.total, unknown),
        "p total": p_value(one.p_total),
        "p Holm": p_value(one.p_holm),
    }
    return [cells[name] for name in columns]


def interval(one: Interval | None, absent: str = ABSENT) -> str:
    return absent if one is None else f"{100 * one.low:+.2f} to {100 * one.high:+.2f}"


def p_value(p: float | None) -> str:
    if p is None or np.isnan(p):
        return ABSENT
    return f"{p:.3f}" if p >= 0.0005 else "<0.001"


def _legend(comparison: Comparison) -> str:
    options = comparison.options
    lines = [
        f"Intervals hold {100 * options.confidence:g} %; images are resampled {options.resamples:,} times "
        f"(random seed {options.random_seed}). What an interval covers:",
        f"  images            {COVERS['images']}",
        f"  seeds             {COVERS['seeds']}",
        f"  seeds and images  {COVERS['total']}",
    ]
    if any(pair.p_images_holm for pair in comparison.pairs):
        lines.append(
            "p swap: both losses' detections exchanged image by image; like images, it knows nothing of seeds."
        )
    paired = {one.paired for pair in comparison.pairs for one in pair.differences.values()}
    if True in paired and any(len(runs) > 1 for runs in comparison.losses):
        every = "" if paired == {True} else " where both have the same"
        lines.append(f"Seeds are paired{every}: a pair starts from the same weights and sees images in the same order.")
    single = [runs.name for runs in comparison.losses if len(runs) == 1]
    if single:
        lines.append(
            f"Total (seeds and images): {ONE_SEED} of {listed(single)}. The images' interval is no substitute: "
            "another seed may move AP by more."
        )
    lines.append(COVERED_BY_NONE)
    return "\n".join(lines)


def _ranking(ranking: Ranking) -> str:
    rows = [
        [
            ABSENT if one.rank is None else str(one.rank),
            one.name,
            ABSENT if np.isnan(one.mean) else f"{100 * one.mean:.2f}",
            _percent(one.probability_best),
        ]
        for one in ranking.ranks
    ]
    parts = [
        "Ranks in AP: 1 + the number of losses that are significantly better (Holm over all pairs)",
        _table(("rank", "loss", "AP", "probability of being best"), rows, texts=2),
    ]
    if any(one.from_images_only for one in ranking.ranks):
        parts.append(
            "A loss with one seed: no rank, and its probability takes the checkpoint for the loss, and says too much."
        )
    if ranking.groups:
        sets = "\n".join(f"  {', '.join(names)}" for names in ranking.groups)
        parts.append(f"Losses that can't be told apart:\n{sets}")
    return "\n\n".join(parts)


def _percent(share: float | None) -> str:
    if share is None:
        return ABSENT
    return "<1 %" if 0 <= share < 0.005 else f"{100 * share:.0f} %"


def _power(pair: Pair, comparison: Comparison) -> Iterator[str]:
    """For AP; 80 % power at the level of the intervals."""
    if "AP" not in pair.differences:
        return
    power, one = pair.power.get("AP"), pair.differences["AP"]
    about = f"Power in AP, {_minus(pair)}"
    if power is None:
        if min(one.n_first, one.n_second) < 2:
            yield f"{about}: not known with one seed; run at least two of each, better three or more."
        return
    seen = f"{100 * abs(one.value):.2f} points"
    needed = (
        f"{power.seeds_needed} seeds of each would show a difference of {seen}"
        if power.seeds_needed is not None
        else f"no number of seeds would show a difference of {seen} on {comparison.images:,} images"
    )
    sizes = "; ".join(f"{n} seeds {100 * size:.2f}" for n, size in power.resolvable.items())
    yield f"{about} (80 % at {100 * comparison.options.level:g} %): {needed}; shown by {sizes} points."


def _cross_check(comparison: Comparison) -> Iterator[str]:
    for pair in comparison.pairs:
        if pair.p_classes is not None:
            yield (
                f"Cross-check, paired t-test over classes, {_minus(pair)}: p = {p_value(pair.p_classes)} (takes the "
                "classes for the sample; knows neither images nor seeds)"
            )


def _minus(pair: Pair) -> str:
    return f"{pair.second} - {pair.first}"


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> str:
    """texts: how many columns on the left are words."""
    align = ["left"] * texts + ["right"] * (len(headers) - texts)
    return str(tabulate(rows, headers=headers, disable_numparse=True, colalign=align))

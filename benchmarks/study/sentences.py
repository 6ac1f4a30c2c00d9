"""What the numbers say, in sentences that follow from them by rules that stand here."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from benchmarks.study.agreements import Comparison, Pair
from benchmarks.study.over_grid import BestOf, GridOf
from benchmarks.study.tail import Tail
from lt_bench.evaluation.comparison.intervals import Interval
from lt_bench.evaluation.comparison.total import Difference
from lt_bench.leaderboard.cells import points

FEW = 4  # losses, with fewer of which two orders agree too easily by chance
TAIL_BELOW, HEAD_ABOVE = 0.02, 0.35  # ce's APr and APf in a plain track that shows LVIS's picture


def verdict(one: Comparison) -> str:
    """What follows from two orders: by pairs that differ significantly in both, and by the bounds of tau."""
    found, pairs = one.agreement, one.pairs
    if found.tau is None:
        return "no tau: an order ties all losses"
    if one.doubted:
        return "nothing follows: no interval can be trusted"
    if len(one.losses) < FEW:
        chance = math.factorial(len(one.losses))
        counts = f"{_pairs(len(pairs.same))} the same way round, {len(pairs.opposite)} reversed for sure"
        return f"{counts}; but {len(one.losses)} losses come in the same order by chance in 1 of {chance} cases"
    text = _whole(found.bounds)
    if pairs.opposite:
        reverse = (
            f"{len(pairs.same)} same way round, {len(pairs.opposite)} reversed for sure ({listed(pairs.opposite)})"
        )
        return f"{reverse}; {text}" if text else reverse
    if text:
        return text
    if pairs.same:
        return f"{_pairs(len(pairs.same))} significant in both, the same way round; the rest is open"
    if one.single:
        return "an order has one run of a loss, so no interval; only how often chance gives this tau is known"
    return "nothing follows: no pair is significant in both"


def _whole(bounds: Interval | None) -> str:
    if bounds is not None and bounds.low > 0:
        return f"on the whole they agree: tau is at least {tau_text(bounds.low)}, however the close pairs lie"
    if bounds is not None and bounds.high < 0:
        return f"on the whole they disagree: tau is at most {tau_text(bounds.high)}, however the close pairs lie"
    return ""


def prediction(one: Comparison) -> str:
    """How well the first order's significant pairs foretell the second's means."""
    total = len(one.pairs.first)
    if one.doubted or not total:
        return ""
    wrong = [pair for pair in one.pairs.first if pair not in one.pairs.kept]
    kept = len(one.pairs.kept)
    text = f"Of {_pairs(total)} significant in the first order {kept} lie the same way in the second's means"
    return text + (f", {len(wrong)} do not ({listed(wrong)})." if wrong else ".")


def stability(grid: GridOf, metric: str) -> str:
    """Whether other cells change the order more than other seeds of the recipe's own cell do."""
    taus = {cell: tau for cell, tau in grid.taus[metric].items() if np.isfinite(tau)}
    if not taus:
        return ""
    low = min(taus, key=lambda cell: (taus[cell], str(cell)))
    text = f"{metric}: tau with the order of the recipe's cell lies between {tau_text(taus[low])} ({low}) and "
    text += f"{tau_text(max(taus.values()))}."
    again = grid.again[metric]
    if not again:
        return f"{text} What other seeds of the recipe's cell would give is not known."
    floor = min(again)
    below = sum(tau < floor for tau in taus.values())
    text += f" Other seeds of the recipe's own cell give {tau_text(floor)} to {tau_text(max(again))}; "
    if not below:
        return f"{text}no cell is below that: the schedule changes the order no more than seeds do."
    return f"{text}{below} of {len(taus)} cells are below that: there the schedule changes the order."


def held_out(grid: GridOf) -> list[str]:
    """How far the images that the choice is made on can be trusted."""
    lines = []
    taus = [tau for tau in grid.held_out_taus().values() if np.isfinite(tau)]
    if taus:
        lines.append(
            f"tau of the other cells' orders on held-out images with that of the recipe's cell there: "
            f"{tau_text(min(taus))} to {tau_text(max(taus))}."
        )
    both = grid.held_out_and_val()
    if np.isfinite(both):
        lines.append(
            f"tau of the recipe's cell's order on held-out images with its order by AP on the validation images: "
            f"{tau_text(both)}. The choice is as far from the validation images as that."
        )
    return lines


def gaining(found: BestOf, metric: str = "AP") -> str:
    """Which losses another schedule helps."""
    if not found.gains:
        return ""
    sure = {name: one[metric] for name, one in found.gains.items() if _above(one[metric])}
    lost = {name: one[metric] for name, one in found.gains.items() if _below(one[metric])}
    open_ones = sorted(found.gains.keys() - sure.keys() - lost.keys())
    parts = []
    for word, group in (("these gain", sure), ("these lose", lost)):
        if group:
            parts.append(f"{word}: {', '.join(f'{name} {change(one)}' for name, one in group.items())}")
    if open_ones:
        parts.append(f"open: {', '.join(open_ones)}")
    return f"{metric} with each loss's best cell instead of the recipe's; {'; '.join(parts)}."


def tail_sentences(one: Tail) -> list[str]:
    """ce in the plain track, and what the common recipe changes."""
    rare, frequent = one.plain["APr"], one.plain["APf"]
    met = rare.value < TAIL_BELOW and frequent.value > HEAD_ABOVE
    lines = [
        f"{one.plain_track.dataset}, features of {one.plain_track.features}: with random sampling and a linear "
        f"classifier ce has APr {own(rare)} and APf {own(frequent)}. That is{'' if met else ' not'} LVIS's picture "
        f"(APr below {100 * TAIL_BELOW:.0f}, APf above {100 * HEAD_ABOVE:.0f})."
    ]
    if "APr" in one.doubts:
        return [*lines, one.doubts["APr"]]
    what, plural = "Repeat factors and a normalised classifier together", ""
    if one.repeats is False:
        what, plural = "Repeat factors repeat no image here; the normalised classifier alone", "s"
    if "ce" in one.changes:
        found = one.changes["ce"]["APr"]
        effect = f"lift{plural}" if _above(found) else f"lower{plural}" if _below(found) else ""
        effect = effect or ("does not certainly change" if plural else "do not certainly change")
        lines.append(
            f"{what} {effect} ce's APr: {change(found)} points; its APf changes by {change(one.changes['ce']['APf'])}."
        )
    for word, sure in (("rises", _above), ("falls", _below)):
        names = [name for name, found in one.changes.items() if sure(found["APr"])]
        shown = f"{len(names)} of {len(one.changes)} losses: {', '.join(names)}" if names else "no loss"
        lines.append(f"APr certainly {word} for {shown}.")
    return lines


def change(one: Difference) -> str:
    """Points with the total interval, or with what is known."""
    if one.total is not None:
        return f"{points(one.value)} {span(one.total)}"
    if one.seeds is not None:
        return f"{points(one.value)} {span(one.seeds)} (seeds only)"
    return f"{points(one.value)}, interval unknown"


def own(one: Difference) -> str:
    """A loss's own value in percent, its interval cut at 0."""
    found = one.total or one.seeds
    if found is None:
        return f"{100 * one.value:.1f} (interval unknown)"
    if found.low == found.high:  # of values that are all the same no resample tells what another run could give
        return f"{100 * one.value:.1f} in every run (no interval)"
    return f"{100 * one.value:.1f} [{max(0.0, 100 * found.low):.1f}, {100 * found.high:.1f}]"


def span(interval: Interval) -> str:
    return f"[{points(interval.low)}, {points(interval.high)}]"


def tau_text(tau: float) -> str:
    return f"{round(tau, 2) + 0.0:.2f}"  # + 0.0: no minus before a zero


def listed(pairs: Sequence[Pair], most: int = 6) -> str:
    shown = ", ".join(f"{better} > {worse}" for better, worse in pairs[:most])
    return shown + (f" and {len(pairs) - most} more" if len(pairs) > most else "")


def _pairs(count: int) -> str:
    return f"{count} pair{'' if count == 1 else 's'}"


def _above(one: Difference) -> bool:
    return (one.total or one.seeds) is not None and (one.total or one.seeds).low > 0  # type: ignore[union-attr]


def _below(one: Difference) -> bool:
    return (one.total or one.seeds) is not None and (one.total or one.seeds).high < 0  # type: ignore[union-attr]

"""What follows from a table and what does not, in two sentences made from its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from scipy import stats

from lt_bench.evaluation.comparison.ranking import LEVEL, is_significant
from lt_bench.evaluation.comparison.total import Difference, half_width
from lt_bench.leaderboard.rows import BASELINE, Row
from lt_bench.leaderboard.standing import METRICS, Standing

POWER = 0.8


def findings(rows: Sequence[Row], standing: Standing, toy: bool) -> list[str]:
    """A paragraph for each of the two, and one where there are too few images of some classes; none for a table of one
    loss. toy: the data set is made for trials.
    """
    if len(rows) < 2:
        return []
    parts = [f"**What follows:** {_follows(rows, standing)}", f"**What does not:** {_does_not(standing, toy)}"]
    return [*parts, f"**Few images:** {' '.join(standing.doubts)}"] if standing.doubts else parts


def _follows(rows: Sequence[Row], standing: Standing) -> str:
    pairs = standing.pairs["AP"]
    if not any(pair.p is not None for pair in pairs):
        none = f"of {_pairs(len(pairs))} none can be called different, {_why_not(rows)}"
        return f"nothing about which loss is better; {none}."
    counts = " and ".join(f"{sum(map(is_significant, standing.pairs[metric]))} in {metric}" for metric in METRICS)
    text = f"of {_pairs(len(pairs))} of losses, {counts} differ significantly"
    against = "; ".join(_against_baseline(rows, standing))
    unknown = sum(pair.p is None for pair in pairs)
    return f"{text}{': ' + against if against else ''}{_unknown(unknown)}."


def _why_not(rows: Sequence[Row]) -> str:
    single = sum(len(row.runs) == 1 for row in rows)
    if single == len(rows):
        return "since every loss was trained once (n = 1), and one run does not say what another seed would have given"
    if single >= len(rows) - 1:
        return "since all losses but one were trained once (n = 1)"
    return "since the losses with several seeds are without evidence, so what other images would give is unknown"


def _unknown(pairs: int) -> str:
    reason = "a loss of it was trained once or lacks evidence"
    return f"; of {_pairs(pairs)} nothing is known, since {reason}" if pairs else ""


def _against_baseline(rows: Sequence[Row], standing: Standing) -> Iterator[str]:
    """In which metric which losses are significantly above and below ce."""
    if set(standing.baselines) == {None}:
        return
    for metric in METRICS:
        above: list[str] = []
        below: list[str] = []
        for pair in filter(is_significant, standing.pairs[metric]):
            first, second = int(pair.first), int(pair.second)
            if standing.baselines[second] == first:
                (above if pair.value > 0 else below).append(rows[second].label)
            elif standing.baselines[first] == second:
                (below if pair.value > 0 else above).append(rows[first].label)
        yield f"in {metric}, above {BASELINE}: {_listed(above)}, below it: {_listed(below)}"


def _does_not(standing: Standing, toy: bool) -> str:
    text = "an order among losses that can share a rank, or that they are equally good"
    size = _resolvable(standing.pairs["AP"])
    if size is not None:
        text += f" (here a difference has to be about {size} points of AP to be found with a probability of 80 %)"
    text += "; or the order with another data set, detector, backbone, schedule or recipe"
    return f"{text}, least of all the order on LVIS." if toy else f"{text}."


def _resolvable(pairs: Sequence[Difference]) -> str | None:
    """The median over the pairs of what is found with a probability of 80 %, at the level of Holm's first step, in
    points; None where no pair has a p. Half the interval's width, and what 80 % need beyond it.
    """
    tested = [pair for pair in pairs if pair.p is not None]
    sizes = []
    for pair in tested:
        if pair.seeds is not None and pair.df is not None and pair.image_deviation is not None:
            half = (pair.seeds.high - pair.seeds.low) / 2
            seeds, images = (half / stats.t.isf(LEVEL / 2, pair.df)) ** 2, pair.image_deviation**2
            beyond = stats.norm.ppf(POWER) * (seeds + images) ** 0.5
            sizes.append(float(half_width(seeds, pair.df, images, LEVEL / len(tested)) + beyond))
    return f"{100 * median(sizes):.1f}" if sizes else None


def _pairs(count: int) -> str:
    return f"{count} pair{'' if count == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names) or "none"

"""What follows from a table and what does not, in two sentences made from its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from lt_bench.evaluation.comparison.power import first_step, resolvable
from lt_bench.evaluation.comparison.ranking import LEVEL, is_significant, number_of_losses
from lt_bench.evaluation.comparison.total import Difference
from lt_bench.leaderboard.rows import BASELINE, Row
from lt_bench.leaderboard.standing import METRICS, POOLED, Standing


def findings(rows: Sequence[Row], standing: Standing, toy: bool) -> list[str]:
    """A paragraph for each of the two, and one where there are too few images of some classes; none for a table of one
    loss. toy: the data set is made for trials.
    """
    if len(rows) < 2:
        return []
    parts = [f"**What follows:** {_follows(rows, standing)}", f"**What does not:** {_does_not(rows, standing, toy)}"]
    return [*parts, f"**Few images:** {' '.join(standing.doubts.values())}"] if standing.doubts else parts


def _follows(rows: Sequence[Row], standing: Standing) -> str:
    pairs = standing.pairs["AP"]
    if not any(pair.p is not None for pair in pairs):
        none = f"of {_pairs(len(pairs))} none can be called different, {_why_not(rows)}"
        return f"nothing about which loss is better; {none}."
    told = {metric: sum(map(is_significant, standing.pairs[metric])) for metric in _told(standing)}
    counts = " and ".join(f"{count} in {metric}" for metric, count in told.items())
    text = f"of {_pairs(len(pairs))} of losses, {counts} differ significantly"
    against = "; ".join(_against_baseline(rows, standing))
    unknown = sum(pair.p is None for pair in pairs)
    return f"{text}{': ' + against if against else ''}{_unknown(unknown)}."


def _told(standing: Standing) -> list[str]:
    """Metrics of which something can follow."""
    return [metric for metric in METRICS if metric not in standing.doubts]


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
    for metric in _told(standing):
        above: list[str] = []
        below: list[str] = []
        for pair in filter(is_significant, standing.pairs[metric]):
            first, second = int(pair.first), int(pair.second)
            if standing.baselines[second] == first:
                (above if pair.value > 0 else below).append(rows[second].label)
            elif standing.baselines[first] == second:
                (below if pair.value > 0 else above).append(rows[first].label)
        yield f"in {metric}, above {BASELINE}: {_listed(above)}, below it: {_listed(below)}"


def _does_not(rows: Sequence[Row], standing: Standing, toy: bool) -> str:
    text = "an order among losses that can share a rank, or that they are equally good"
    size = _resolvable(standing.pairs["AP"])
    if size is not None:
        text += f" (here a difference has to be about {size} points of AP to be found with a probability of 80 %)"
    decoupled = rows[0].records[0].track.features is not None
    others = "after training in full, or with other features, another data set or recipe"
    text += f"; or the order {others if decoupled else 'with another data set, detector, backbone, schedule or recipe'}"
    return f"{text}, least of all the order on LVIS." if toy else f"{text}."


def _resolvable(pairs: Sequence[Difference]) -> str | None:
    """The median over the pairs of what is found with a probability of 80 %, at the level of Holm's first step, in
    points, with as many runs of both as there are of the one with fewer; None where no pair has a p.
    """
    tested = [pair for pair in pairs if pair.p is not None]
    level, losses = first_step(LEVEL, len(tested)), number_of_losses(pairs) if POOLED else None
    sizes = []
    for pair in tested:
        if pair.seed_deviation is not None and pair.image_deviation is not None:
            n = min(pair.n_first, pair.n_second)
            size = resolvable(n, pair.seed_deviation, pair.paired, pair.image_deviation, level=level, pooled=losses)
            sizes += [] if size is None else [size]
    return f"{100 * median(sizes):.1f}" if sizes else None


def _pairs(count: int) -> str:
    return f"{count} pair{'' if count == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names) or "none"

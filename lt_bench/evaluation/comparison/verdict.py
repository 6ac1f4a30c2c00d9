"""What follows from a comparison, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from lt_bench.evaluation.comparison.comparison import Comparison, Pair
from lt_bench.evaluation.comparison.intervals import Interval
from lt_bench.evaluation.comparison.total import Difference


def verdict(pair: Pair, comparison: Comparison) -> str:
    """One or two sentences about two losses; about their checkpoints only where one of them has a single run."""
    found = list(pair.differences.values())
    if not found:
        return f"{pair.second} against {pair.first}: nothing was measured."
    one_seed = [name for name, n in ((pair.first, found[0].n_first), (pair.second, found[0].n_second)) if n < 2]
    return _of_checkpoints(pair, comparison, one_seed) if one_seed else _of_losses(pair, comparison)


def says_nothing(pair: Pair, level: float) -> bool:
    """Whether no metric differs significantly, of two losses with two runs or more."""
    found = pair.differences.values()
    known = all(min(one.n_first, one.n_second) > 1 for one in found)
    return known and not any(one.p_holm is not None and one.p_holm <= level for one in found)


def _of_losses(pair: Pair, comparison: Comparison) -> str:
    level, several = comparison.options.level, len(comparison.pairs) > 1
    clear = [one for one in pair.differences.values() if one.p_holm is not None and one.p_holm <= level]
    rest = [metric for metric in pair.differences if metric not in {one.metric for one in clear}]
    basis = "seeds and images" + (", p corrected for all pairs" if several else "")
    intervals = [(one, one.total) for one in clear]
    return _sentence(pair.first, pair.second, intervals, rest, basis, comparison.options.confidence)


def _of_checkpoints(pair: Pair, comparison: Comparison, one_seed: Sequence[str]) -> str:
    caution = (
        f"Whether {pair.second} is better than {pair.first} as a loss can't be said: there is one seed of "
        f"{' and one of '.join(one_seed)}."
    )
    if not pair.p_images_holm:
        return caution
    level, several = comparison.options.level, len(comparison.pairs) > 1
    clear = [
        one
        for one in pair.differences.values()
        if pair.p_images_holm.get(one.metric, 1.0) <= level and _excludes_zero(one.images)
    ]
    rest = [metric for metric in pair.differences if metric not in {one.metric for one in clear}]
    basis = "images only" + (", p corrected for all pairs" if several else "")
    of_checkpoints = f"this checkpoint of {pair.first}", f"this checkpoint of {pair.second}"
    intervals = [(one, one.images) for one in clear]
    said = _sentence(*of_checkpoints, intervals, rest, basis, comparison.options.confidence)
    return f"T{said[1:]} {caution}"


def _excludes_zero(interval: Interval | None) -> bool:
    """Bootstrap and swap test are two methods: where they disagree, nothing is said."""
    return interval is not None and not interval.low <= 0 <= interval.high


def _sentence(
    first: str,
    second: str,
    clear: Sequence[tuple[Difference, Interval | None]],
    rest: Sequence[str],
    basis: str,
    confidence: float,
) -> str:
    """basis and confidence are said once, where the first interval stands."""
    said, claims = f"{100 * confidence:g} %: {{}}, {basis}", []
    for word, sign in (("better", 1), ("worse", -1)):
        parts = []
        for one, interval in clear:
            if sign * one.value > 0:
                parts.append(f"{one.metric} by {_size(one, interval, said)}")
                said = "{}"
        if parts:
            claims.append(f"{second} is {word} than {first} in {listed(parts)}")
    if not claims:
        return f"{second} against {first}: nothing can be said in {listed(rest)} ({basis})."
    silent = f"; in {listed(rest)} nothing can be said" if rest else ""
    return f"{'; '.join(claims)}{silent}."


def _size(one: Difference, interval: Interval | None, said: str) -> str:
    """How large a difference is, without its sign."""
    points = f"{100 * abs(one.value):.2f} points"
    if interval is None:
        return points
    low, high = (interval.low, interval.high) if one.value > 0 else (-interval.high, -interval.low)
    return f"{points} ({said.format(f'{100 * low:.2f} to {100 * high:.2f}')})"


def listed(words: Sequence[str]) -> str:
    """a, b and c"""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else "nothing"

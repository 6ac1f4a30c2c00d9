"""What stands below a comparison's verdicts: how many seeds it takes, and a cross-check."""

from __future__ import annotations

from lt_bench.evaluation.comparison.cells import ABSENT, minus, p_is, p_value, points, table, wrapped
from lt_bench.evaluation.comparison.comparison import SEEDS, Comparison, Pair

TEST = "takes the classes for the sample; knows neither images nor seeds"
ONE_SEED = "not known with one seed; run at least two of each loss, better three or more"


def further(comparison: Comparison) -> str:
    """Power and the t-test over classes, in AP: sentences for one pair, a table for several."""
    if "AP" not in comparison.rankings:
        return ""
    if len(comparison.pairs) > 1:
        return _table(comparison)
    pair = comparison.pairs[0]
    lines = [f"Power: {_power(pair, comparison)}."]
    if pair.p_classes is not None:
        lines.append(f"Cross-check, paired t-test over the classes' AP: {p_is(pair.p_classes)} ({TEST}).")
    return "\n".join(map(wrapped, lines))


def _power(pair: Pair, comparison: Comparison) -> str:
    power, one = pair.power.get("AP"), pair.differences["AP"]
    if power is None:
        return ONE_SEED if min(one.n_first, one.n_second) < 2 else "not known, since all seeds gave the same"
    seen = f"{100 * abs(one.value):.2f} points in AP"
    needed = (
        f"it takes {power.seeds_needed} seeds of each loss to show a difference of {seen}"
        if power.seeds_needed is not None
        else f"no number of seeds shows a difference of {seen} on {comparison.images:,} images"
    )
    sizes = ", ".join(f"{n} seeds {100 * size:.2f}" for n, size in power.resolvable.items())
    return f"{needed} (80 % power at {100 * comparison.options.level:g} %). What can be shown, in points: {sizes}"


def _table(comparison: Comparison) -> str:
    headers = ("", "difference", "seeds needed", *(f"{n} seeds" for n in SEEDS), "p t-test")
    rows = []
    for pair in comparison.pairs:
        power = pair.power.get("AP")
        sizes = [f"{100 * power.resolvable[n]:.2f}" if power else ABSENT for n in SEEDS]
        needed = ABSENT if power is None else "none suffices" if power.seeds_needed is None else str(power.seeds_needed)
        difference = points(pair.differences["AP"].value)
        rows.append([minus(pair), difference, needed, *sizes, p_value(pair.p_classes)])
    about = (
        f"Power in AP: how many seeds of each loss show the difference seen with a probability of 80 %, and which "
        f"difference, in points, some numbers of seeds show; at {100 * comparison.options.level:g} % over the number "
        "of pairs tested, the first step of Holm's correction. p t-test: a cross-check, paired over the classes' AP; "
        f"it {TEST}, and it is not corrected."
    )
    unknown = [runs.name for runs in comparison.losses if len(runs) < 2]
    note = f"\n\nPower of {', '.join(unknown)}: {ONE_SEED}." if unknown else ""
    return f"{wrapped(about)}\n\n{table(headers, rows)}{note}"

"""The tables of docs/calibration.md, which stand between two marks; the text around them is written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.calibration.forms import CHOSEN
from benchmarks.calibration.small_ap import COMPARED
from benchmarks.common.table import table
from lt_bench.errors import UserError

BEGIN, END = "<!-- begin: made by `make calibrate` -->", "<!-- end: made by `make calibrate` -->"
LOW, HIGH = 0.93, 0.97
Data = Mapping[str, Any]


def renewed(page: str, data: Data) -> str:
    """The page with the tables of `data`. Raises UserError when a mark is missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise UserError("docs/calibration.md has lost the marks around its tables", f"Put back {BEGIN} and {END}.")
    return before + "\n\n".join((BEGIN, *tables(data), END)) + after


def tables(data: Data) -> list[str]:
    rows = data["scenarios"]
    effort = data["effort"]
    return [
        f"Each row: {effort['repetitions']} validation sets with {effort['resamples']} resamples each; the first "
        f"{effort['tested']} go through the swap test as well, with {effort['permutations']} permutations. A share of "
        f"95 % or of 5 % in so many has a standard error of {_error(effort['repetitions'])} points (swap test: "
        f"{_error(effort['tested'])}): by chance alone some of the {5 * len(rows)} numbers of a table lie outside the "
        "limits.",
        "### Intervals of a difference",
        "How often, in percent, the 95 % interval holds the true difference. \\* is outside 93 to 97.",
        _coverages(rows, "difference"),
        _summary(rows, "difference"),
        "### Intervals of one detector's value",
        _coverages(rows, "first"),
        _summary(rows, "first"),
        "### False positives",
        "No difference: the share of repetitions, in percent, in which it is called one at 5 %. \\* is above 6.",
        _false_positives(rows),
        "### Power",
        "A true difference: the share of repetitions, in percent, in which it is found. The last two rows say how "
        "often, over all scenarios in which both were computed, a test's verdict is that of the interval.",
        _power(rows),
        "### Forms of interval that were compared",
        "Coverage of the difference in percent: lowest, mean and highest of all scenarios, and how many are outside 93 "
        "to 97.",
        _forms(rows, "difference"),
        "The same for one detector's value:",
        _forms(rows, "first"),
        "### Few rare objects",
        "All scenarios above, and those with 2 and 4 classes in each group: coverage of APr by how many images of rare "
        "classes a validation set has, an image with two of them counted twice.",
        _by_evidence(data["by_evidence"]),
        "### What is true",
        "The first detector's values and the differences in AP points, ± the standard error of the simulation, and the "
        "standard deviation of a measured difference.",
        _true(rows),
    ]


def _label(row: Data) -> tuple[str, ...]:
    return f"{row['images']:,}", f"{row['rare_images']:g}", "known" if row["differ"] else "none"


TESTS = {"interval": "interval_rejects", "swap test": "swap_rejects", "t-test over classes": "classes_rejects"}
LABELS = ("images", "images of a rare class", "difference")


def _coverages(rows: Iterable[Data], quantity: str) -> str:
    lines = [(*_label(row), *_marked(row["coverage"][quantity][CHOSEN], LOW, HIGH)) for row in rows]
    return table((*LABELS, *COMPARED), lines, "r")


def _summary(rows: Sequence[Data], quantity: str) -> str:
    shares = [share for row in rows for share in row["coverage"][quantity][CHOSEN]]
    outside = [share for share in shares if not LOW <= share <= HIGH]
    return (
        f"{len(outside)} of {len(shares)} are outside: {sum(share < LOW for share in outside)} below (the lowest is "
        f"{_percent(min(shares))}) and {sum(share > HIGH for share in outside)} above (the highest is "
        f"{_percent(max(shares))}). The mean is {_percent(sum(shares) / len(shares))}."
    )


def _false_positives(rows: Iterable[Data]) -> str:
    without = [row for row in rows if not row["differ"]]
    lines = [
        (*_label(row)[:2], name, *_marked(row[key], 0, 0.06))
        for row in without
        for name, key in TESTS.items()
        if key in row
    ]
    for name, key in TESTS.items():
        if found := [row[key] for row in without if key in row]:
            lines.append(("mean", "", name, *_marked(_means(found), 0, 0.06)))
    return table((*LABELS[:2], "test", *COMPARED), lines, "rrlr")


def _power(rows: Sequence[Data]) -> str:
    lines = [
        (*_label(row)[:2], name, *_marked(row[key], 0, 1))
        for row in rows
        if row["differ"]
        for name, key in TESTS.items()
        if key in row
    ]
    for name, key in (("swap test agrees", "swap_agrees"), ("t-test over classes agrees", "classes_agrees")):
        if found := [row[key] for row in rows if key in row]:
            lines.append(("all", "all", name, *_marked(_means(found), 0, 1)))
    return table((*LABELS[:2], "test", *COMPARED), lines, "rrlr")


def _forms(rows: Sequence[Data], quantity: str) -> str:
    lines = []
    for form in rows[0]["coverage"][quantity]:
        columns = list(zip(*(row["coverage"][quantity][form] for row in rows), strict=True))
        outside = sum(not LOW <= share <= HIGH for column in columns for share in column)
        cells = [f"{_percent(min(c))} {_percent(sum(c) / len(c))} {_percent(max(c))}" for c in columns]
        name = f"**{form}**" if form == CHOSEN else form
        lines.append((name, *cells, f"{outside} of {len(columns) * len(rows)}"))
    return table(("form", *COMPARED, "outside"), lines, "lr")


def _by_evidence(rows: Iterable[Data]) -> str:
    lines = []
    for row in rows:
        first, last = row["from"], row["below"] - 1
        name = f"{first} and more" if last > 500 else str(first) if first == last else f"{first} to {last}"
        lines.append((name, f"{row['repetitions']:,}", *_marked(row["coverage"], LOW, HIGH)))
    return table(("images of rare classes", "repetitions", "one detector's APr", "difference of APr"), lines, "lr")


def _true(rows: Iterable[Data]) -> str:
    lines = []
    for row in rows:
        for place, name in enumerate(("value", "difference")):
            if not row["differ"]:
                continue
            pairs = zip(row["true"][place], row["true_error"][place], row["deviation"][place], strict=True)
            cells = [
                f"{100 * true:.2f} ± {100 * error:.2f}" + (f", {100 * deviation:.2f}" if place else "")
                for true, error, deviation in pairs
            ]
            lines.append((*_label(row)[:2], name, *cells))
    return table((*LABELS[:2], "", *COMPARED), lines, "rrlr")


def _error(repetitions: int) -> str:
    return f"{100 * (0.95 * 0.05 / repetitions) ** 0.5:.1f}"


def _means(rows: Sequence[Sequence[float]]) -> list[float]:
    return [sum(column) / len(column) for column in zip(*rows, strict=True)]


def _marked(shares: Iterable[float], low: float, high: float) -> list[str]:
    return [_percent(share) + ("" if low <= share <= high else " \\*") for share in shares]


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"

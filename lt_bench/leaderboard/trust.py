"""How far the order of a decoupled table agrees with orders of training in full, where a page has both."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from lt_bench.evaluation.comparison.rank_agreement import Agreement, agreement
from lt_bench.evaluation.terms import KINDS
from lt_bench.leaderboard.comparison.settings import loss_key, title
from lt_bench.leaderboard.markdown import escape
from lt_bench.leaderboard.rows import Row
from lt_bench.leaderboard.standing import METRICS, loss_runs
from lt_bench.leaderboard.tables import Table

FEWEST = 4  # losses: chance alone puts three in the same order in 1 of 6 cases
STUDY = "docs/study.md"
NOTHING = (
    f"Fewer than {FEWEST} of these losses were trained in full on this data and stand on this page, so nothing was "
    f"compared here. What is known of other orders of this kind is in {STUDY}."
)
MEANING = (
    "Tau is 1 for the same order, -1 for the reverse, and about 0 for two that have nothing to do with each other. In "
    "brackets: every value that is possible, given which differences in the two tables are significant. Other orders "
    f"are compared in {STUDY}."
)
HEADING = "**How far to trust this order:**"


def trust(table: Table, page: Sequence[Table]) -> list[str]:
    """A paragraph for a decoupled table of several losses, none for another. page: all tables of the data set."""
    if not table.decoupled or len(table.rows) < 2:
        return []
    compared = [sentence for other in page for sentence in _compared(table, other)]
    if not compared:
        return [f"{HEADING} {NOTHING}"]
    return [f"{HEADING} {' '.join([*compared, MEANING])}"]


def _compared(table: Table, other: Table) -> Iterator[str]:
    """What is said of another table of the page, if that is one of training in full with enough of the losses."""
    if other.decoupled or not _same_data(table, other):
        return
    theirs = {loss_key(row.records[0]): row for row in other.rows}
    pairs = [(row, theirs[key]) for row in table.rows if (key := loss_key(row.records[0])) in theirs]
    if len(pairs) < FEWEST:
        return
    doubted = {*table.standing.doubts, *other.standing.doubts}
    all_of = "" if len(pairs) == len(table.rows) else f" of the {len(table.rows)}"
    first = other.records[0]
    where = f"{escape(title(first.track))}, fingerprint {first.fingerprint[:12]}"
    said = " and ".join(_tau(_agreement(table, pairs, metric), table, doubted) for metric in METRICS)
    yield (
        f"Trained in full on the same data ({where}), {len(pairs)}{all_of} losses stand in an order whose Kendall's "
        f"tau with this one is {said}."
    )


def _same_data(table: Table, other: Table) -> bool:
    own, others = table.records[0].data, other.records[0].data
    names = ("train_annotations", "val_annotations", "train_images", "val_images")
    return all(getattr(own, name) == getattr(others, name) for name in names)


def _agreement(table: Table, pairs: Sequence[tuple[Row, Row]], metric: str) -> Agreement:
    own, other = (
        [loss_runs(str(place), pair[side], table.kind) for place, pair in enumerate(pairs)] for side in (0, 1)
    )
    return agreement(own, other, metric)


def _tau(found: Agreement, table: Table, doubted: Collection[str]) -> str:
    name = f"{KINDS[table.kind]} AP" if found.metric == "AP" else found.metric
    if found.tau is None:
        return f"unknown in {name}"
    text = f"{_number(found.tau)} in {name}"
    if found.metric in doubted:
        return f"{text} (too few images for an interval)"
    return text if found.bounds is None else f"{text} [{_number(found.bounds.low)}, {_number(found.bounds.high)}]"


def _number(tau: float) -> str:
    return f"{round(tau, 2) + 0.0:.2f}"  # + 0.0: no minus before a zero

"""What came out, as tables for a terminal: AP by loss, or by value of a hyper-parameter, over the seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from lt_bench.api.calibrations import in_words
from lt_bench.evaluation.terms import BoxOrMask
from lt_bench.leaderboard.over_seeds import Spread, over_seeds
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.probe.plan import ProbeRun
from lt_bench.probe.workers import Outcome

METRICS = ("AP", "APr", "APc", "APf")
GRID_METRICS = ("AP", "APr")


def spreads(records: Sequence[ResultRecord], of: BoxOrMask = "bbox") -> dict[str, Spread]:
    """AP over the seeds: metric -> mean and standard deviation."""
    return {name: spread for (kind, name), spread in over_seeds(records).items() if kind == of}


def table(
    groups: Mapping[str, Sequence[ResultRecord]],
    title: str,
    metrics: Sequence[str] = METRICS,
    of: BoxOrMask = "bbox",
) -> str:
    """A row for each group, which has one record or more. title: what the groups are."""
    rows = []
    for name, records in groups.items():
        found = spreads(records, of)
        rows.append([name, *(_cell(found[metric]) for metric in metrics), str(len(records))])
    headers = [title, *metrics, "seeds"]
    alignment = ("left", *["right"] * (len(headers) - 1))
    return str(tabulate(rows, headers=headers, disable_numparse=True, colalign=alignment))


def _cell(spread: Spread) -> str:
    """In percent, with the standard deviation over the seeds where there are several."""
    if spread.mean is None:
        return "-"
    deviation = "" if spread.deviation is None else f" ± {100 * spread.deviation:.2f}"
    return f"{100 * spread.mean:.2f}{deviation}"


def rows_of(asked: Iterable[tuple[ProbeRun, Any]]) -> dict[Path, Any]:
    """What the row of a run is called, by its folder: the key beside it, and of a calibrated run also the calibration,
    "ce + norcal".
    """
    keys: dict[Path, Any] = {}
    for run, key in asked:
        keys[run.folder] = key
        for one in run.calibrations:
            assert one.calibration is not None
            keys[one.folder] = f"{key} + {in_words(one.calibration)}"
    return keys


def grouped(outcomes: Sequence[Outcome], keys: Mapping[Path, Any]) -> dict[Any, list[ResultRecord]]:
    """Loss, or value of a grid -> the records of its seeds, for those that have some. keys: of the runs' folders."""
    groups: dict[Any, list[ResultRecord]] = {key: [] for key in keys.values()}
    for one in outcomes:
        if one.record is not None:
            groups[keys[one.run.folder]].append(one.record)
    return {key: records for key, records in groups.items() if records}

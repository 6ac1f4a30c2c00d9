"""Results as text for a terminal, and AP by class as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tabulate import tabulate

from lt_bench.evaluation import metrics
from lt_bench.utils.files import unwritable, write_atomic


def results_table(blocks: Mapping[str, Any]) -> str:
    """AP in percent, and what costs how much of it. blocks: `Measured.blocks`, or a record's fields."""
    rows_of: dict[tuple[str, ...], list[list[str]]] = {}
    for metric in metrics.METRICS:
        for headers, rows in metric.text_tables(blocks[metric.record_field]) if metric.record_field in blocks else ():
            rows_of.setdefault(headers, []).extend(rows)
    return "\n\n".join(tabulate(rows, headers=headers, disable_numparse=True) for headers, rows in rows_of.items())


def class_rows(
    categories: Iterable[Mapping[str, Any]], per_class: Mapping[str, Mapping[int, float]]
) -> list[dict[str, Any]]:
    """A row per class: what the annotations say of it, as far as they do, and its AP by column of `per_class`."""
    known = ("id", "name", "frequency", "image_count", "instance_count")
    return [
        {key: category[key] for key in known if key in category}
        | {column: values[category["id"]] for column, values in per_class.items()}
        for category in categories
    ]


def write_per_class(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a row per class, the first one's keys as header; a cell is empty where there is no ground truth (-1).

    Raises UserError when the file can't be written.
    """
    rows = list(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: "" if isinstance(value, float) and value < 0 else value for key, value in row.items()})
    try:
        write_atomic(path, [text.getvalue().encode()])
    except OSError as error:
        raise unwritable(path, error) from error

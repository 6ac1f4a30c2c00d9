"""Results as text for a terminal, and AP by class as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tabulate import tabulate

from lt_bench.utils.files import unwritable, write_atomic

KINDS = {"bbox": "box", "segm": "mask"}
GROUPS = {"all": "all", "r": "rare", "c": "common", "f": "frequent"}


def results_table(blocks: Mapping[str, Any]) -> str:
    """AP in percent, and what costs how much of it. blocks: `Measured.blocks`, or a record's fields."""
    rows = [(KINDS[kind], values) for kind, values in blocks.get("metrics", {}).items()]
    rows += [(f"{KINDS[kind]}, AP_fixed", values) for kind, values in blocks.get("ap_fixed", {}).items()]
    if "ap_boundary" in blocks:
        rows.append(("mask, boundary AP", blocks["ap_boundary"]))
    parts = []
    if rows:
        cells = [[name, *map(_percent, values.values())] for name, values in rows]
        parts.append(tabulate(cells, headers=["AP in %", *rows[0][1]], disable_numparse=True))
    for kind, groups in blocks.get("errors", {}).items():
        cells = [
            [name, _percent(groups[group]["AP50"]), *_costs(groups[group]["gain"], groups[group]["count"])]
            for group, name in GROUPS.items()
        ]
        headers = [f"{KINDS[kind]}: AP50 gained", "AP50", *groups["all"]["gain"]]
        parts.append(tabulate(cells, headers=headers, disable_numparse=True))
    return "\n\n".join(parts)


def class_rows(
    categories: Iterable[Mapping[str, Any]], per_class: Mapping[str, Mapping[int, float]]
) -> list[dict[str, Any]]:
    """A row a class: what the annotations say of it, as far as they do, and its AP by column of `per_class`."""
    known = ("id", "name", "frequency", "image_count", "instance_count")
    return [
        {key: category[key] for key in known if key in category}
        | {column: values[category["id"]] for column, values in per_class.items()}
        for category in categories
    ]


def write_per_class(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a row a class, the first one's keys as header; a cell is empty where there is no ground truth (-1).

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


def _percent(value: float) -> str:
    return "-" if value < 0 else f"{100 * value:.2f}"


def _costs(gain: Mapping[str, float], count: Mapping[str, int]) -> list[str]:
    return [f"{100 * value:+.2f} ({count[name]})" for name, value in gain.items()]

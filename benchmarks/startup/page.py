"""The measurements of the start-up as a table and as a Markdown page."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from benchmarks.common import OURS, STOCK
from benchmarks.common import table as tables

SIDES = (OURS, STOCK)


def table(data: Mapping[str, Any], style: str) -> str:
    return tables.table(("", *SIDES, "stock / lt_bench"), _rows(data), "lr", style)


def parts(data: Mapping[str, Any]) -> list[str]:
    """What the Markdown page says."""
    ranks = " and ".join(
        f"{found['ranks']} of {side} with {found['workers']} workers each" for side, found in data["memory"].items()
    )
    return [
        f"Medians, warm caches, both sides in turn. The annotations are synthetic, {data['data']['bytes'] / 1e9:.2f} "
        "GB. The first start of lt_bench, which indexes the annotations and decodes every image once, took "
        f"{data['start']['first'][0]:.0f} s.",
        table(data, "github"),
        f"Ranks: {ranks}. PSS counts a page that n processes share as 1 / n of it in each.",
    ]


def _rows(data: Mapping[str, Any]) -> list[list[str]]:
    """What, lt_bench, stock mmdet, ratio."""
    start, dataset, memory = data["start"], data["dataset"], data["memory"]
    found = [
        _row("command to first iteration, s", *(statistics.median(start[side]) for side in SIDES)),
        _row("data set alone, s", *(_median(dataset[side], "seconds") for side in SIDES)),
        _row("data set alone, peak GB", *(_median(dataset[side], "peak") / 1e9 for side in SIDES)),
    ]
    if len(memory) == 2:
        per_rank = (sum(map(sum, memory[side]["pss"])) / memory[side]["ranks"] / 1e9 for side in SIDES)
        found.append(_row("memory per rank with its workers (PSS), GB", *per_rank))
    return found


def _row(what: str, ours: float, stock: float) -> list[str]:
    return [what, f"{ours:.2f}", f"{stock:.2f}", f"{stock / ours:.1f}"]


def _median(samples: list[dict[str, float]], key: str) -> float:
    return statistics.median(sample[key] for sample in samples)

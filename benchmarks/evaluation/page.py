"""The measurements of LVIS AP as tables and as a Markdown page."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from benchmarks.common.table import table

HEADERS = ("images", "detections", "file", "seconds", "fastest", "CPU seconds", "peak memory", "load")


def tables(data: Mapping[str, Any], style: str = "github") -> list[str]:
    """By size, and beside lvis-api where that was measured."""
    found = [table(HEADERS, map(_row, data["results"]), "r", style)]
    if beside := data["beside"]:
        rows = [("lvis-api", *_row(beside["lvis"])), ("lt_bench", *_row(beside["vernier"]))]
        found.append(table(("", *HEADERS), rows, "lr", style))
    return found


def parts(data: Mapping[str, Any]) -> list[str]:
    """What the Markdown page says."""
    by_size, *compared = tables(data)
    found = [
        "Boxes and masks, from the files on disk: "
        f"generated images with {data['detections_per_image']} detections each, 1,203 categories, as many objects and "
        "listed categories per image as LVIS has; the spot check by lvis-api is part of the time. Seconds are medians, "
        "CPU seconds are those of all cores; load is how many processes wanted the machine before (the evaluation "
        "itself adds two).",
        by_size,
    ]
    if compared:
        equal = "equal, bit for bit" if data["beside"]["equal"] else "NOT EQUAL"
        found += [
            f"lvis-api beside it, {data['beside']['images']} images; the precision arrays are {equal}:",
            *compared,
        ]
    return found


def _row(result: Mapping[str, Any]) -> tuple[str, ...]:
    seconds, cpu_seconds, peaks, loads = (
        [sample[key] for sample in result["samples"]] for key in ("seconds", "cpu_seconds", "peak_bytes", "load_before")
    )
    return (
        f"{result['images']:,}",
        f"{result['detections']:,}",
        f"{result['predictions_bytes'] / 1e9:.2f} GB",
        f"{median(seconds):.1f}",
        f"{min(seconds):.1f}",
        f"{median(cpu_seconds):.1f}",
        f"{max(peaks) / 1e9:.2f} GB",
        f"{median(loads):.1f}",
    )

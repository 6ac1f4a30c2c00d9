"""The measurements of comparisons as a table and as a Markdown page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from benchmarks.common.table import table

HEADERS = (
    "size",
    "computation",
    "repetitions",
    "seconds",
    "fastest",
    "CPU seconds",
    "plain way",
    "peak memory",
    "load",
)


def measured(data: Mapping[str, Any], style: str = "github") -> str:
    """A row for each size and computation."""
    rows = [row for result in data["results"] for row in _rows(result, data["resamples"], data["plain_resamples"])]
    return table(HEADERS, rows, "llr", style)


def parts(data: Mapping[str, Any]) -> list[str]:
    """What the Markdown page says."""
    sizes = "; ".join(
        f"`{result['size']}`: {result['images']:,} images, {result['classes']:,} classes and {result['detections']:,} "
        "detections of a run that count"
        for result in data["results"]
    )
    equal = all(result["equal"] for result in data["results"])
    return [
        f"Two runs of a made-up detector, read from their evidence. {sizes}. The bootstrap recomputes AP, APr, APc, "
        "APf and AP50 of both runs in each resample; the swap test does so for two pseudo-runs in each permutation, "
        "each from the detections of both runs. Seconds are medians without the reading, CPU seconds those of both "
        "threads; peak memory is that of the whole process; load is how many processes wanted the machine before (the "
        "computation adds two).",
        measured(data),
        "The plain way computes every class and IoU threshold of a resample by itself, in one thread. Its seconds are "
        f"scaled from {data['plain_resamples']} resamples. The bootstrap's column says how many times as long the "
        "plain way takes, by CPU seconds and, in brackets, by the clock. AP in these resamples is "
        + ("equal to 1e-12." if equal else "NOT EQUAL."),
    ]


def _rows(result: Mapping[str, Any], resamples: int, plain: int) -> Iterator[tuple[str, ...]]:
    scale = resamples / plain
    plain_cpu, plain_seconds = (
        scale * median(sample[key] for sample in result["plain"]) for key in ("cpu_seconds", "seconds")
    )
    for name, title in (("bootstrap", "bootstrap, both runs"), ("swap", "swap test"), ("plain", "plain bootstrap")):
        factor = scale if name == "plain" else 1
        seconds, cpu, peaks, loads = (
            [sample[key] for sample in result[name]] for key in ("seconds", "cpu_seconds", "peak_bytes", "load_before")
        )
        ratio = ""
        if name == "bootstrap":
            ratio = f"{plain_cpu / median(cpu):.0f} x ({plain_seconds / median(seconds):.0f} x)"
        yield (
            result["size"],
            title,
            f"{resamples:,}",
            _seconds(factor * median(seconds)),
            _seconds(factor * min(seconds)),
            _seconds(factor * median(cpu)),
            ratio,
            f"{max(peaks) / 1e9:.2f} GB",
            f"{median(loads):.1f}",
        )


def _seconds(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"

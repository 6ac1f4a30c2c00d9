"""The measurements at LVIS's size as one figure: time over cross_entropy, and memory over the logits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.common.figure import BLUE, ORANGE, Bars, paired_bars, two_panels
from benchmarks.losses.summary import summarize

SIZE = (1024, 1203)


def draw(data: Mapping[str, Any], target: Path) -> None:
    """Writes TARGET.png and TARGET.svg, of the size of LVIS, or the last one measured."""
    summaries = [summarize(result) for result in data["results"]]
    sizes = [(summary.rois, summary.classes) for summary in summaries]
    rois, classes = SIZE if SIZE in sizes else sizes[-1]
    shown = [summary for summary, size in zip(summaries, sizes, strict=True) if size == (rois, classes)]
    title = f"Forward and backward, N = {rois:,}, C = {classes:,}: {data['machine']['device']}"
    with two_panels(target, title, (9, 3.6)) as panels:
        for axes, quantity, label in zip(
            panels,
            ("over_cross_entropy", "memory"),
            ("time over torch's cross_entropy", "peak memory over the logits"),
            strict=True,
        ):
            ours, reference = (
                Bars(values, color, [f"{value:.1f}" for value in values], version)
                for color, version, values in (
                    (BLUE, "lt_bench", [getattr(summary, quantity) for summary in shown]),
                    (ORANGE, "official operations", [getattr(summary, f"reference_{quantity}") for summary in shown]),
                )
            )
            paired_bars(axes, ours, reference, margin=0.12)
            axes.set_xlabel(label)
            axes.axvline(1, color="0.4", linewidth=0.8, linestyle=":")
        panels[0].set_yticks(range(len(shown)), [summary.loss for summary in shown])
        panels[0].legend(loc="upper right", frameon=False)

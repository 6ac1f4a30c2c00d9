"""The measurements at LVIS's size as one figure: time over cross_entropy, and memory over the logits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from summary import Summary, summarize

SIZE = (1024, 1203)
OURS, OFFICIAL = "#0072b2", "#e69f00"  # told apart with any colour vision
BAR = 0.38


def draw(data: Mapping[str, Any], target: Path) -> None:
    """Writes TARGET.png and TARGET.svg, of the size of LVIS, or the last one measured."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    summaries = [summarize(result) for result in data["results"]]
    sizes = [(summary.rois, summary.classes) for summary in summaries]
    rois, classes = SIZE if SIZE in sizes else sizes[-1]
    shown = [summary for summary, size in zip(summaries, sizes, strict=True) if size == (rois, classes)]
    with plt.rc_context({"svg.hashsalt": "lt_bench", "font.size": 9}):  # the same bytes for the same numbers
        figure, (time_axes, memory_axes) = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
        _bars(time_axes, shown, "over_cross_entropy", "straightforward_over_cross_entropy")
        time_axes.set_xlabel("time over torch's cross_entropy")
        _bars(memory_axes, shown, "memory", "straightforward_memory")
        memory_axes.set_xlabel("peak memory over the logits")
        time_axes.invert_yaxis()
        time_axes.legend(loc="upper right", frameon=False)
        figure.suptitle(f"Forward and backward, N = {rois:,}, C = {classes:,}: {data['machine']['device']}")
        figure.savefig(target.with_suffix(".png"), dpi=150)
        figure.savefig(target.with_suffix(".svg"), metadata={"Date": None})
        plt.close(figure)


def _bars(axes: Any, summaries: list[Summary], ours: str, official: str) -> None:
    for offset, quantity, label, color in (
        (-BAR / 2, ours, "lt_bench", OURS),
        (BAR / 2, official, "official operations", OFFICIAL),
    ):
        places = [row + offset for row in range(len(summaries))]
        values = [getattr(summary, quantity) for summary in summaries]
        bars = axes.barh(places, values, height=BAR, color=color, label=label)
        axes.bar_label(bars, [f"{value:.1f}" for value in values], padding=2, fontsize=8)
    axes.set_yticks(range(len(summaries)), [summary.loss for summary in summaries])
    axes.axvline(1, color="0.4", linewidth=0.8, linestyle=":")
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)

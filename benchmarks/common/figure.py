"""Figures of two panels, time and memory, with a pair of bars for each row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ORANGE, BLUE = "#e69f00", "#0072b2"  # told apart with any colour vision
HEIGHT = 0.38


@dataclass(frozen=True)
class Bars:
    """One bar of each row. texts: at their ends."""

    values: Sequence[float]
    color: str
    texts: Sequence[str] = ()
    label: str | None = None


@contextmanager
def two_panels(target: Path, title: str, size: tuple[float, float]) -> Iterator[tuple[Any, Any]]:
    """The axes of both panels, which share the rows. Afterwards TARGET.png and TARGET.svg are written."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with plt.rc_context({"svg.hashsalt": "lt_bench", "font.size": 9}):  # the same bytes for the same numbers
        figure, axes = plt.subplots(1, 2, figsize=size, sharey=True, layout="constrained")
        yield tuple(axes)
        axes[0].invert_yaxis()
        figure.suptitle(title)
        figure.savefig(target.with_suffix(".png"), dpi=150)
        figure.savefig(target.with_suffix(".svg"), metadata={"Date": None})
        plt.close(figure)


def paired_bars(axes: Any, upper: Bars, lower: Bars, margin: float) -> None:
    """margin: room beside the longest bar, as a share of the width."""
    for offset, bars in ((-HEIGHT / 2, upper), (HEIGHT / 2, lower)):
        rows = [row + offset for row in range(len(bars.values))]
        drawn = axes.barh(rows, bars.values, height=HEIGHT, color=bars.color, label=bars.label)
        if bars.texts:
            axes.bar_label(drawn, bars.texts, padding=3, fontsize=8)
    axes.margins(x=margin)
    axes.spines[["top", "right"]].set_visible(False)

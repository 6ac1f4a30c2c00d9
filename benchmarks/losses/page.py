"""The measurements as a table and as a Markdown page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.common import table as tables
from benchmarks.losses.summary import OURS, REFERENCE, Summary, summarize

HEADERS = (
    "loss", "N", "C", "ms", "spread", "official ms", "faster", "x cross_entropy", "memory", "official memory", "GB/s",
    "of a copy",
)  # fmt: skip

EXPLANATION = """\
Forward and backward to the gradient of the logits [N, C], medians. The samples of a loss, of its official operations,
of torch's `cross_entropy` and of a copy of the logits were taken in turn in one process, so each row compares like
with like; rows differ in when they were measured. A turn is five runs, of which the last three count;
all but the largest sizes were visited three times, minutes apart. Before, both versions were checked to return the same
loss and gradient.

- ms, spread: the built-in loss; the middle half of its samples, as a share of the median.
- official ms, faster: the same loss by the operations of its official code
  (`benchmarks/losses/reference_losses.py`), and how many times faster the built-in one is.
- x cross_entropy: time of the built-in loss over that of torch's `cross_entropy` on logits [N, C + 1].
- memory, official memory: most bytes held at once by tensors that the call allocated, over the bytes of the logits.
  The gradient that is returned is 1 of it. The tensor that the built-in losses keep for the next call (up to
  6 MiB per thread) is counted.
- GB/s, of a copy: the least traffic there is (logits read forward and backward, gradient written) over the time, and
  its share of what copying the logits reaches. The copy writes into memory that is there; the losses allocate theirs.
"""


def table(data: Mapping[str, Any], style: str) -> str:
    return tables.table(HEADERS, [_row(summarize(result)) for result in data["results"]], "lr", style)


def parts(data: Mapping[str, Any]) -> list[str]:
    """What the Markdown page says."""
    settings = data["settings"]
    threads = f", {settings['threads']} threads" if settings["device"] == "cpu" else ""
    conditions = f"In {settings['dtype']}{threads}, {settings['foreground']:.0%} of the RoIs foreground."
    return [conditions, EXPLANATION.rstrip(), table(data, "github")]


def _row(summary: Summary) -> tuple[str, ...]:
    return (
        summary.loss,
        f"{summary.rois:,}",
        f"{summary.classes:,}",
        _milliseconds(summary.median[OURS]),
        f"{summary.spread:.0%}",
        _milliseconds(summary.median[REFERENCE]),
        f"{summary.speedup:.1f}",
        f"{summary.over_cross_entropy:.2f}",
        f"{summary.memory:.2f}",
        f"{summary.reference_memory:.2f}",
        f"{summary.bandwidth / 1e9:.1f}",
        f"{summary.of_copy:.0%}",
    )


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.3g}" if seconds < 0.1 else f"{1000 * seconds:,.0f}"

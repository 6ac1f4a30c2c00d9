"""The measurements as a table and as a Markdown page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from summary import Summary, Verdict, judge, summarize
from tabulate import tabulate

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
  (`benchmarks/straightforward.py`), and how many times faster the built-in one is.
- x cross_entropy: time of the built-in loss over that of torch's `cross_entropy` on logits [N, C + 1].
- memory, official memory: most bytes held at once by tensors that the call allocated, over the bytes of the logits.
  The gradient that is returned is 1 of it. The tensor that the built-in losses keep for the next call (up to
  6 MiB a thread) is counted.
- GB/s, of a copy: the least traffic there is (logits read forward and backward, gradient written) over the time, and
  its share of what copying the logits reaches. The copy writes into memory that is there; the losses allocate theirs.
"""


def table(data: Mapping[str, Any], style: str) -> str:
    rows = [_row(summarize(result)) for result in data["results"]]
    align = ("left", *["right"] * (len(HEADERS) - 1))
    return str(tabulate(rows, headers=HEADERS, tablefmt=style, disable_numparse=True, colalign=align))


def markdown(data: Mapping[str, Any], name: str, remarks: str = "") -> str:
    """The page beside `name`.json, .png and .svg. remarks: Markdown that follows the targets."""
    settings = data["settings"]
    parts = [
        f"# Speed and memory of the losses on {data['machine']['device']}",
        f"Made from `{name}.json` by `benchmarks/losses.py`. {_conditions(data)}",
        f"![Time over cross_entropy, and memory over the logits]({name}.svg)",
        "## Targets",
        _targets(judge([summarize(result) for result in data["results"]], settings["device"]), settings),
        *([remarks.strip()] if remarks.strip() else []),
        "## Measurements",
        EXPLANATION.rstrip(),
        table(data, "github"),
        "## Machine",
        "\n".join(f"- {key}: {value}" for key, value in data["machine"].items()),
        f"    {data['command']}",
    ]
    return "\n\n".join(parts) + "\n"


def _conditions(data: Mapping[str, Any]) -> str:
    settings = data["settings"]
    threads = f", {settings['threads']} threads" if settings["device"] == "cpu" else ""
    return f"In {settings['dtype']}{threads}, {settings['foreground']:.0%} of the RoIs foreground."


def _row(summary: Summary) -> tuple[str, ...]:
    return (
        summary.loss,
        f"{summary.rois:,}",
        f"{summary.classes:,}",
        _milliseconds(summary.median["ours"]),
        f"{summary.spread:.0%}",
        _milliseconds(summary.median["straightforward"]),
        f"{summary.speedup:.1f}",
        f"{summary.over_cross_entropy:.2f}",
        f"{summary.memory:.2f}",
        f"{summary.straightforward_memory:.2f}",
        f"{summary.bandwidth / 1e9:.1f}",
        f"{summary.of_copy:.0%}",
    )


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.3g}" if seconds < 0.1 else f"{1000 * seconds:,.0f}"


def _targets(verdicts: list[Verdict], settings: Mapping[str, Any]) -> str:
    if not verdicts:
        return "None was set for these sizes."
    rows = [
        (
            verdict.target.text,
            verdict.summary.loss,
            f"{verdict.value:.0%}" if verdict.target.quantity == "of_copy" else f"{verdict.value:.2f}",
            "reached" if verdict.reached else "**missed**",
            _margin(verdict),
        )
        for verdict in verdicts
    ]
    first = verdicts[0].target
    reached = sum(verdict.reached for verdict in verdicts)
    lead = f"At N = {first.rois:,}, C = {first.classes:,}: {reached} of {len(verdicts)} reached."
    if settings["dtype"] != "float32" or (settings["device"] == "cpu" and settings["threads"] != 2):
        lead += " They were set for float32 and, on CPU, 2 threads: these measurements are of something else."
    headers = ("target", "loss", "measured", "", "margin")
    return f"{lead}\n\n{tabulate(rows, headers=headers, tablefmt='github', disable_numparse=True)}"


def _margin(verdict: Verdict) -> str:
    share = f"{abs(verdict.margin):.0%}"
    if verdict.reached:
        return f"{share} to spare"
    return f"{share} short" if verdict.target.at_least else f"{share} over"

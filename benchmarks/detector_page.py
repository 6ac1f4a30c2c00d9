"""The comparison of detectors as tables and as a Markdown page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detector_summary import OURS, STOCK, Comparison, compare, judge
from tabulate import tabulate

HEADERS = ("task", "C", "setting", "stock s", "lt_bench s", "times faster", "stock GB", "lt_bench GB", "memory")

EXPLANATION = """\
Stock is mmdet's own Mask R-CNN of the same config, weights, inputs and drawn RoIs, with the same loss, and its own
post-processing, mask head, LVIS metric and data set; for the evaluation it is lvis-api. Both took turns; seconds are
medians, "times faster" the median of the turns' ratios. "memory" is lt_bench's peak over stock's.

- training step: forward, backward, clipping and optimizer on a batch of two images, 512 RoIs each. A new RPN finds no
  objects, so {near} of its proposals an image are put near them in both: as many RoIs are foreground as in the midst of
  training.
- inference: one image from its pixels to 300 detections with their masks as run lengths on the host. With new weights
  every class of every proposal scores above the threshold of 1e-4; with "few scores" the bias of the classifier is
  lowered until about {sparse:.0%} do, as in a detector that has learned something.
- evaluation: LVIS AP of boxes and masks from files, in a process of its own.
- start-up: from the command to the end of the first iteration with warm caches; the memory is that of building the
  training set.
- GB: of training and inference the weights, the momentum, and the most that tensors took at one time; of the others the
  resident peak of the process.
"""


def table(data: Mapping[str, Any], style: str) -> str:
    rows = [_row(compare(result)) for result in data["results"]]
    align = ("left", "right", "left", *["right"] * (len(HEADERS) - 3))
    return str(tabulate(rows, headers=HEADERS, tablefmt=style, disable_numparse=True, colalign=align))


def _row(comparison: Comparison) -> tuple[str, ...]:
    return (
        comparison.task,
        f"{comparison.classes:,}",
        comparison.setting,
        *(_seconds(comparison.seconds[name]) for name in (STOCK, OURS)),
        f"{comparison.faster:.2f}",
        *(f"{comparison.peak_bytes[name] / 1e9:.2f}" for name in (STOCK, OURS)),
        f"{comparison.memory:.2f}",
    )


def _seconds(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def checks(data: Mapping[str, Any], style: str) -> str:
    rows = [
        (check["task"], f"{check['classes']:,}", check["setting"], check["what"], "equal" if check["equal"] else
         "**different**" if style == "github" else "DIFFERENT", check["apart"])
        for check in data["checks"]
    ]  # fmt: skip
    headers = ("task", "C", "setting", "compared", "", "how far apart")
    return str(tabulate(rows, headers=headers, tablefmt=style, disable_numparse=True))


def markdown(data: Mapping[str, Any], name: str, remarks: str = "") -> str:
    """The page beside `name`.json, .png and .svg. remarks: Markdown that follows the targets."""
    settings = data["settings"]
    wide, high = settings["scale"]
    parts = [
        f"# lt_bench beside stock mmdet and lvis-api on {data['machine']['device']}",
        f"Made from `{name}.json` by `benchmarks/detector.py`. Images of at most {wide} x {high} pixels, loss "
        f"`{settings['loss']}`.",
        f"![Seconds and peak memory]({name}.svg)",
        table(data, "github"),
        EXPLANATION.format(near=settings["near_objects"], sparse=settings["sparse"]).rstrip(),
        "## The same results",
        checks(data, "github"),
        "## Targets",
        _targets(data),
        *([remarks.strip()] if remarks.strip() else []),
        "## Where the time goes",
        "Seconds of one call, not a median; each part without the parts inside it. On a GPU every part waits for the "
        "device.",
        *_breakdowns(data),
        "## Machine",
        "\n".join(f"- {key}: {value}" for key, value in data["machine"].items()),
        f"    {data['command']}",
    ]
    return "\n\n".join(parts) + "\n"


def _targets(data: Mapping[str, Any]) -> str:
    verdicts = judge(data)
    if not verdicts:
        return (
            "None was set for what was measured here: those of training and inference are for a GPU, 1,203 classes and "
            "images of 1333 x 800, that of start-up for annotations of LVIS's size."
        )
    rows = [
        (
            verdict.comparison.task,
            verdict.comparison.setting,
            verdict.text,
            f"{verdict.value:.2f}",
            "reached" if verdict.reached else "**missed**",
        )
        for verdict in verdicts
    ]
    headers = ("task", "setting", "target", "measured", "")
    return str(tabulate(rows, headers=headers, tablefmt="github", disable_numparse=True))


def _breakdowns(data: Mapping[str, Any]) -> list[str]:
    """One table for each task and setting that was taken apart."""
    found = []
    for result in data["results"]:
        if "parts" in result:
            parts = result["parts"]
            rows = [(part, *(_seconds(parts[name][part]) for name in (STOCK, OURS))) for part in parts[STOCK]]
            head = f"{result['task']}, {result['classes']:,} classes, {result['setting']}"
            lines = tabulate(rows, (head, *(STOCK, OURS)), "github", disable_numparse=True)
            found.append(str(lines))
    return found

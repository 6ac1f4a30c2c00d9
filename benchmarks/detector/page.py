"""The comparison of detectors as tables and as a Markdown page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.common import OURS, STOCK
from benchmarks.common import table as tables
from benchmarks.detector.summary import Comparison, compare

HEADERS = ("task", "C", "setting", "stock s", "lt_bench s", "times faster", "stock GB", "lt_bench GB", "memory")

EXPLANATION = """\
Stock is mmdet's own Mask R-CNN of the same config, weights, inputs and drawn RoIs, with the same loss, and its own
post-processing, mask head, LVIS metric and data set; for the evaluation it is lvis-api. Both took turns; seconds are
medians, "times faster" the median of the ratios of each turn. "memory" is lt_bench's peak over stock's.

- training step: forward, backward, clipping and optimizer on a batch of two images, 512 RoIs each. A new RPN finds no
  objects, so {near} of its proposals per image are put near them in both: as many RoIs are foreground as in the
  midst of training.
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
    return tables.table(HEADERS, [_row(compare(result)) for result in data["results"]], "lrlr", style)


def _row(comparison: Comparison) -> tuple[str, ...]:
    return (
        comparison.task,
        f"{comparison.classes:,}",
        comparison.setting,
        *(_seconds(comparison.seconds[name]) for name in (STOCK, OURS)),
        f"{comparison.faster:.2f}",
        *(f"{comparison.gigabytes[name]:.2f}" for name in (STOCK, OURS)),
        f"{comparison.memory:.2f}",
    )


def _seconds(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def checks(data: Mapping[str, Any], style: str) -> str:
    headers = ("task", "C", "setting", "compared", "", "how far apart")
    rows = [
        (
            check["task"],
            f"{check['classes']:,}",
            check["setting"],
            check["what"],
            "equal" if check["equal"] else "DIFFERENT",
            check["apart"],
        )
        for check in data["checks"]
    ]
    return tables.table(headers, rows, "l", style)


def parts(data: Mapping[str, Any]) -> list[str]:
    """What the Markdown page says."""
    settings = data["settings"]
    wide, high = settings["scale"]
    return [
        f"Images of at most {wide} x {high} pixels, loss `{settings['loss']}`.",
        table(data, "github"),
        EXPLANATION.format(near=settings["near_objects"], sparse=settings["sparse"]).rstrip(),
        "## The same results",
        checks(data, "github"),
        "## Where the time goes",
        "Seconds of one call, not a median; each part without the parts inside it. On a GPU every part waits for the "
        "device.",
        *(_breakdown(result) for result in data["results"] if "parts" in result),
    ]


def _breakdown(result: Mapping[str, Any]) -> str:
    parts = result["parts"]
    head = f"{result['task']}, {result['classes']:,} classes, {result['setting']}"
    rows = [(part, *(_seconds(parts[name][part]) for name in (STOCK, OURS))) for part in parts[STOCK]]
    return tables.table((head, STOCK, OURS), rows)

"""The metrics that a run or an evaluation can be asked for, from the same two files, each read once.

- ap: LVIS AP of boxes and masks, 300 detections an image.
- ap_fixed: AP_fixed (Dave et al., arXiv 2102.01066): the best 10,000 detections of each class over the data set, and
  no limit an image, so that no class takes another one's place. It wants predictions that were not cut to 300 an image.
- ap_boundary: LVIS AP with the smaller one of mask IoU and boundary IoU (Cheng et al., CVPR 2021), 300 detections an
  image. The boundary is what 0.02 of the image's diagonal reaches inwards, as in lvis-api's later version and in the
  authors' code for LVIS.
- errors: what costs how much AP, of boxes and masks; see `lt_bench.evaluation.error_analysis.decomposition`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lt_bench.errors import UserError, did_you_mean
from lt_bench.evaluation.ap.average_precision import APResult, Evaluator, average_precision
from lt_bench.evaluation.error_analysis.decomposition import GROUPS, Decomposition, decompose
from lt_bench.evaluation.inputs.detections import read_detections
from lt_bench.evaluation.inputs.ground_truth import load_ground_truth

Kind = Literal["bbox", "segm"]
METRIC_NAMES = ("ap", "ap_fixed", "ap_boundary", "errors")
PER_IMAGE = 300  # detections that LVIS AP counts
PER_CLASS = 10_000  # detections that AP_fixed counts
CUT = (
    f"AP_fixed: no detection that counts stands behind the {PER_IMAGE} best of its image, so a limit an image was "
    "probably applied when predicting; AP_fixed wants more"
)


@dataclass(frozen=True, eq=False)
class Measured:
    """What was asked for; the rest is empty or None. ap, ap_fixed, errors: by kind, "bbox" and "segm". categories: the
    annotation file's, ids ascending.

    cut: whether no detection that counts stands behind the 300 best of its image, as in predictions that were cut to
    that many: their AP_fixed is not what the model could have.
    """

    ap: dict[Kind, APResult] = field(default_factory=dict)
    ap_fixed: dict[Kind, APResult] = field(default_factory=dict)
    ap_boundary: APResult | None = None
    errors: dict[Kind, Decomposition] = field(default_factory=dict)
    cut: bool = False
    categories: Sequence[Mapping[str, Any]] = ()

    def blocks(self) -> dict[str, Any]:
        """What was asked for, as plain values under the names that a record has for them."""
        blocks: dict[str, Any] = {}
        if self.ap:
            blocks["metrics"] = {kind: result.metrics for kind, result in self.ap.items()}
        if self.ap_fixed:
            blocks["ap_fixed"] = {kind: result.metrics for kind, result in self.ap_fixed.items()}
        if self.ap_boundary:
            blocks["ap_boundary"] = self.ap_boundary.metrics
        if self.errors:
            blocks["errors"] = {
                kind: {
                    group: {"AP50": found.ap[group], "gain": found.gain[group], "count": found.count[group]}
                    for group in GROUPS
                }
                for kind, found in self.errors.items()
            }
        return blocks

    def results(self) -> dict[str, APResult]:
        """Every AP by the name of its column in a table of classes."""
        results = {str(kind): result for kind, result in self.ap.items()}
        results |= {f"{kind}_fixed": result for kind, result in self.ap_fixed.items()}
        return results | ({"boundary": self.ap_boundary} if self.ap_boundary else {})

    def per_class(self) -> dict[str, dict[int, float]]:
        """Column -> category id -> AP in [0, 1], or -1 without ground truth."""
        return {name: result.per_class for name, result in self.results().items()}


def parse_metrics(text: str) -> tuple[str, ...]:
    """Names with commas between them, in the order of METRIC_NAMES. Raises UserError for an unknown one."""
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in METRIC_NAMES:
            raise UserError(f"there is no metric {name!r}", did_you_mean(name, METRIC_NAMES))
    return tuple(name for name in METRIC_NAMES if name in names)


def check_metrics(metrics: Collection[str], kinds: Collection[Kind], evaluator: Evaluator) -> None:
    """Raises UserError for what can't be measured, whatever the files hold."""
    if "ap_boundary" in metrics and "segm" not in kinds:
        raise UserError("boundary AP is of masks", "leave out ap_boundary, or evaluate masks too")
    if "ap_boundary" in metrics and evaluator == "lvis":
        raise UserError("lvis-api as released has no boundary AP", "leave out ap_boundary, or use vernier")


def measure(
    annotations: Path,
    predictions: Path,
    metrics: Collection[str] = ("ap",),
    kinds: Collection[Kind] = ("bbox", "segm"),
    evaluator: Evaluator = "vernier",
) -> Measured:
    """Measure a predictions file (see `lt_bench.evaluation.inputs.predictions`) on an LVIS annotation file.

    metrics: of METRIC_NAMES. Raises UserError when a file cannot be used, and for boundary AP where it can't be had.
    """
    check_metrics(metrics, kinds, evaluator)
    truth = load_ground_truth(annotations)
    detections = read_detections(predictions, truth, masks="segm" in kinds, boxes="bbox" in kinds)
    among_best = detections.image_rank < PER_IMAGE
    best = detections if among_best.all() else detections.take(among_best)
    fixed = detections.take(detections.class_rank < PER_CLASS) if "ap_fixed" in metrics else None
    return Measured(
        ap={kind: average_precision(truth, best, kind, evaluator) for kind in kinds if "ap" in metrics},
        ap_fixed={kind: average_precision(truth, fixed, kind, evaluator) for kind in kinds if fixed is not None},
        ap_boundary=average_precision(truth, best, "boundary", evaluator) if "ap_boundary" in metrics else None,
        errors={kind: decompose(truth, best, kind) for kind in kinds if "errors" in metrics},
        cut=bool(among_best.all()),
        categories=truth.file.categories,
    )

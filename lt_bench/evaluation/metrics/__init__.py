"""The metrics that a run or an evaluation can be asked for, from the same two files, each read once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_bench.errors import RunFailedError, UserError, did_you_mean
from lt_bench.evaluation.metrics.ap import AP
from lt_bench.evaluation.metrics.ap_boundary import AP_BOUNDARY
from lt_bench.evaluation.metrics.ap_fixed import AP_FIXED
from lt_bench.evaluation.metrics.errors import ERROR_ANALYSIS
from lt_bench.evaluation.metrics.metric import Block, Inputs, Measurement, Metric
from lt_bench.evaluation.terms import KINDS, BoxOrMask
from lt_bench.utils.files import sha256_of

if TYPE_CHECKING:
    from lt_bench.evaluation.ap.average_precision import APResult, Evaluator
    from lt_bench.evaluation.evidence.evidence import Evidence
    from lt_bench.evaluation.inputs.ground_truth import GroundTruth
    from lt_bench.evaluation.inputs.reading import Reading

METRICS: tuple[Metric, ...] = (AP, AP_FIXED, AP_BOUNDARY, ERROR_ANALYSIS)


@dataclass(frozen=True, eq=False)
class Measured:
    """found: what was asked for, by the metrics' names, in the order of METRICS. categories: the annotation file's, ids
    ascending. evidence: of what was measured as LVIS AP, if it was wanted. notes: what is to be known of the
    annotations, where they move the numbers and may not be meant to, and of the predictions' files.
    """

    found: Mapping[str, Measurement]
    categories: Sequence[Mapping[str, Any]] = ()
    evidence: Evidence | None = None
    notes: tuple[str, ...] = ()

    def blocks(self) -> dict[str, Block]:
        """Plain values under the names that a record has for them."""
        return {metric.record_field: self.found[metric.name].block for metric in chosen(self.found)}

    def results(self) -> dict[str, APResult]:
        """Every AP by the name of its column in a table of classes."""
        return {column: result for one in self.found.values() for column, result in one.results.items()}

    def per_class(self) -> dict[str, dict[int, float]]:
        """Column -> category id -> AP in [0, 1], or -1 without ground truth."""
        return {column: result.per_class for column, result in self.results().items()}

    def warnings(self) -> list[str]:
        """Why some numbers may not be what they seem."""
        return [one.warning for one in self.found.values() if one.warning]


def chosen(names: Collection[str]) -> list[Metric]:
    """The metrics with these names."""
    return [metric for metric in METRICS if metric.name in names]


def parse_metrics(text: str) -> tuple[str, ...]:
    """Names with commas between them, in the order of METRICS. Raises UserError for an unknown one."""
    names, known = [name.strip() for name in text.split(",")], [metric.name for metric in METRICS]
    for name in names:
        if name not in known:
            raise UserError(f"there is no metric {name!r}", did_you_mean(name, known))
    return tuple(metric.name for metric in chosen(names))


def check_metrics(metrics: Collection[str], kinds: Collection[BoxOrMask], evaluator: Evaluator) -> None:
    """Raises UserError for what can't be measured, whatever the files hold."""
    for metric in chosen(metrics):
        if metric.needs_masks and "segm" not in kinds:
            raise UserError(f"{metric.name} is of masks", f"leave out {metric.name}, or evaluate masks too")
        if metric.evaluator and evaluator != metric.evaluator:
            remedy = f"leave out {metric.name}, or use {metric.evaluator}"
            raise UserError(f"{evaluator} can't measure {metric.name}", remedy)


def detections_per_image(metrics: Collection[str]) -> int | None:
    """How many the model must be asked for; None where what its recipe says will do."""
    return max((metric.detections_per_image or 0 for metric in chosen(metrics)), default=0) or None


def measure(
    annotations: Path,
    predictions: Path,
    metrics: Collection[str] = ("ap",),
    kinds: Collection[BoxOrMask] = tuple(KINDS),
    evaluator: Evaluator = "vernier",
    evidence: bool = False,
    reading: Reading | None = None,
) -> Measured:
    """Measure a predictions file (see `lt_bench.evaluation.inputs.predictions`) on an LVIS annotation file.

    Args:
        annotations: the LVIS annotation file.
        predictions: the predictions file.
        metrics: names of METRICS.
        kinds: whether to evaluate boxes, masks or both.
        evaluator: "vernier" or "lvis".
        evidence: whether to keep what LVIS AP, which must be among the metrics, was computed from.
        reading: what the predictions' ids are; those of the annotations without.

    Raises:
        UserError: a file cannot be used, or a metric cannot be had of these kinds or by this evaluator.
        RunFailedError: the evidence does not give the AP that was measured.
    """
    from lt_bench.evaluation.inputs.detections import read_detections
    from lt_bench.evaluation.inputs.ground_truth import load_ground_truth
    from lt_bench.evaluation.inputs.reading import AS_ANNOTATED

    check_metrics(metrics, kinds, evaluator)
    truth = load_ground_truth(annotations, masks="segm" in kinds)
    detections = read_detections(predictions, truth, "segm" in kinds, "bbox" in kinds, reading or AS_ANNOTATED)
    return on_truth(
        truth, measure_inputs(Inputs(truth, detections, kinds, evaluator, outcomes=evidence), metrics, predictions)
    )


def on_truth(truth: GroundTruth, measured: Measured) -> Measured:
    """With what is to be known of the annotations, before what is of the predictions."""
    from lt_bench.data.notes import on_evaluation

    return replace(measured, notes=(*on_evaluation(truth.file), *measured.notes))


def measure_inputs(inputs: Inputs, metrics: Collection[str], predictions: Path) -> Measured:
    """Measure what was read already. predictions: the file that the detections are from."""
    found = {metric.name: metric.measure(inputs) for metric in chosen(metrics)}
    kept = _evidence(inputs, found[AP.name], predictions) if inputs.outcomes else None
    return Measured(found, inputs.truth.file.categories, kept, inputs.detections.notes)


def _evidence(inputs: Inputs, measured: Measurement, predictions: Path) -> Evidence:
    from lt_bench.evaluation.evidence.collect import assemble
    from lt_bench.evaluation.evidence.precision import gives

    results = {kind: measured.results[kind] for kind in inputs.kinds}
    evaluators = {kind: result.evaluator for kind, result in results.items()}
    evidence = assemble(inputs.truth, inputs.best, measured.outcomes, evaluators, sha256_of(predictions))
    for kind, result in results.items():
        if not gives(evidence, kind, result):
            raise RunFailedError(f"{predictions}: the {kind} evidence does not give the AP that was measured")
    return evidence

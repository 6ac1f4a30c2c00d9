"""AP_fixed (Dave et al., arXiv 2102.01066): the best 10,000 detections of each class over the data set, and no limit
per image, so that no class takes another one's place."""

from __future__ import annotations

from lt_bench.evaluation.metrics.metric import PER_IMAGE, Inputs, Measurement, Metric, ap_columns, ap_table
from lt_bench.evaluation.terms import KINDS

PER_CLASS = 10_000  # detections that count: on LVIS v1 12 million in all, 607 per image
CUT = (
    f"AP_fixed: no detection that counts stands behind the {PER_IMAGE} best of its image, so a limit per image was "
    "probably applied when predicting; AP_fixed wants more"
)


def _measure(inputs: Inputs) -> Measurement:
    from lt_bench.evaluation.ap.average_precision import average_precision

    counted = inputs.detections.take(inputs.detections.class_rank < PER_CLASS)
    results = {kind: average_precision(inputs.truth, counted, kind, inputs.evaluator) for kind in inputs.kinds}
    return Measurement(
        {kind: result.metrics for kind, result in results.items()},
        {f"{kind}_fixed": result for kind, result in results.items()},
        warning=CUT if inputs.best is inputs.detections else "",
    )


AP_FIXED = Metric(
    name="ap_fixed",
    record_field="ap_fixed",
    title="AP_fixed: the best 10,000 detections of each class count, and no limit per image (Dave et al., 2021).",
    measure=_measure,
    text_tables=lambda block: [
        ap_table({f"{name}, AP_fixed": block[kind] for kind, name in KINDS.items() if kind in block})
    ],
    columns=lambda kinds: ap_columns(kinds, ("APr", "APc", "APf"), "_fixed"),
    detections_per_image=1000,
)

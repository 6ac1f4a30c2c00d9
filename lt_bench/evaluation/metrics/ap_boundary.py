"""LVIS AP with the smaller one of mask IoU and boundary IoU (Cheng et al., CVPR 2021), at 300 detections per image.

The boundary is what 0.02 of the image's diagonal reaches inwards, as in lvis-api's later version and in the authors'
code for LVIS.
"""

from __future__ import annotations

from lt_bench.evaluation.metrics.metric import Column, Inputs, Measurement, Metric, ap_table


def _measure(inputs: Inputs) -> Measurement:
    from lt_bench.evaluation.ap.average_precision import average_precision

    result = average_precision(inputs.truth, inputs.best, "boundary", inputs.evaluator)
    return Measurement(result.metrics, {"boundary": result})


AP_BOUNDARY = Metric(
    name="ap_boundary",
    record_field="ap_boundary",
    title="Boundary AP: masks by the smaller one of mask IoU and boundary IoU (Cheng et al., CVPR 2021).",
    measure=_measure,
    text_tables=lambda block: [ap_table({"mask, boundary AP": block})],
    columns=lambda _: (
        Column("boundary AP", ("AP",)),
        *(Column(name, (name,)) for name in ("APr", "APc", "APf", "AP50", "AP75")),
    ),
    needs_masks=True,
    evaluator="vernier",  # lvis-api as released has no boundary IoU
)

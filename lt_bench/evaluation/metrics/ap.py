"""LVIS AP (Gupta et al., CVPR 2019) of boxes and masks, at 300 detections per image."""

from __future__ import annotations

from lt_bench.evaluation.metrics.metric import Inputs, Measurement, Metric, ap_columns, ap_table
from lt_bench.evaluation.terms import KINDS


def _measure(inputs: Inputs) -> Measurement:
    from lt_bench.evaluation.ap.average_precision import average_precision
    from lt_bench.evaluation.evidence.outcomes import unseen

    outcomes = {kind: unseen(len(inputs.best)) for kind in inputs.kinds} if inputs.outcomes else {}
    results = {
        str(kind): average_precision(inputs.truth, inputs.best, kind, inputs.evaluator, outcomes.get(kind))
        for kind in inputs.kinds
    }
    return Measurement({kind: result.metrics for kind, result in results.items()}, results, outcomes=outcomes)


AP = Metric(
    name="ap",
    record_field="metrics",
    title="LVIS AP",
    measure=_measure,
    text_tables=lambda block: [ap_table({name: block[kind] for kind, name in KINDS.items() if kind in block})],
    columns=lambda kinds: ap_columns(kinds, ("APr", "APc", "APf", "AP50", "AP75")),
)

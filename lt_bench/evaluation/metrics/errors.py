"""What kind of error costs how much AP50, of boxes and masks (see `error_analysis.decomposition`)."""

from __future__ import annotations

from lt_bench.evaluation.metrics.metric import Block, Column, Inputs, Measurement, Metric, TextTable, percent
from lt_bench.evaluation.terms import ERRORS, GROUPS, KINDS


def _measure(inputs: Inputs) -> Measurement:
    from lt_bench.evaluation.error_analysis.decomposition import decompose

    found = {kind: decompose(inputs.truth, inputs.best, kind) for kind in inputs.kinds}
    return Measurement(
        {
            kind: {
                group: {"AP50": one.ap[group], "gain": one.delta_ap[group], "count": one.count[group]}
                for group in GROUPS
            }
            for kind, one in found.items()
        }
    )


def _text_tables(block: Block) -> list[TextTable]:
    return [
        ((f"{name}: ΔAP50", "AP50", *ERRORS), [_row(label, block[kind][group]) for group, label in GROUPS.items()])
        for kind, name in KINDS.items()
        if kind in block
    ]


def _row(label: str, group: Block) -> list[str]:
    """AP50, and for each kind of error ΔAP50 with the number of errors behind it."""
    return [
        label,
        percent(group["AP50"]),
        *(f"{100 * group['gain'][error]:+.2f} ({group['count'][error]})" for error in ERRORS),
    ]


ERROR_ANALYSIS = Metric(
    name="errors",
    record_field="errors",
    title="ΔAP50 of {kinds} by kind of error, in points: AP50 with all errors of the kind fixed, minus AP50 (after "
    "TIDE, Bolya et al., ECCV 2020). Fixing a classification error can raise the AP50 of two groups of classes.",
    measure=_measure,
    text_tables=_text_tables,
    columns=lambda _: (
        Column("AP50", ("AP50",)),
        *(Column(error, ("gain", error), difference=True) for error in ERRORS),
    ),
    groups={label: group for group, label in GROUPS.items()},
    has_classes=False,
)

"""LVIS AP from two JSON files: annotations and predictions. Knows no detector and no torch."""

from __future__ import annotations

from lt_bench.evaluation.ap.average_precision import METRICS, APResult, evaluate, evaluate_all
from lt_bench.evaluation.inputs.checks import check_predictions
from lt_bench.evaluation.inputs.predictions import read_predictions, write_predictions

__all__ = [
    "METRICS",
    "APResult",
    "check_predictions",
    "evaluate",
    "evaluate_all",
    "read_predictions",
    "write_predictions",
]

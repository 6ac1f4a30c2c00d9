"""LVIS AP of boxes and masks by lvis-api and by lt_bench, each in a process of its own: time, peak memory, arrays.

python -m benchmarks.evaluation.lvis_ap stock|lt_bench ANNOTATIONS PREDICTIONS ARRAYS      one of them, by itself
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.common import OURS, STOCK
from benchmarks.common.processes import resident_peak, run_module

KINDS: tuple[Literal["bbox", "segm"], ...] = ("bbox", "segm")
Arrays = dict[str, Any]


def by_lvis_api(annotations: Path, predictions: Path) -> Arrays:
    """As mmdet's LVISMetric does, but masks without their boxes: of a box lvis-api would take the area for the groups
    small, medium and large, and mmdet's metric for COCO leaves it out for that reason."""
    np.float = float  # type: ignore[attr-defined]  # a name that numpy removed and lvis-api uses
    from lvis import LVIS, LVISEval, LVISResults

    truth = LVIS(str(annotations))
    arrays: Arrays = {}
    for kind in KINDS:
        detections = json.loads(predictions.read_text())
        for detection in detections:
            detection.pop("bbox" if kind == "segm" else "segmentation")
        evaluation = LVISEval(truth, LVISResults(truth, detections), kind)
        evaluation.run()
        arrays[kind] = evaluation.eval["precision"]
    return arrays


def by_lt_bench(annotations: Path, predictions: Path) -> Arrays:
    from lt_bench.evaluation.ap.average_precision import evaluate_all

    return {kind: result.precision for kind, result in evaluate_all(annotations, predictions, KINDS).items()}


EVALUATORS = {STOCK: by_lvis_api, OURS: by_lt_bench}


def evaluate(name: str, annotations: Path, predictions: Path) -> dict[str, float]:
    """seconds, cpu_seconds (of all cores) and peak_bytes (resident) of an evaluator, whose arrays are kept for
    `same_precision`. Raises RunFailedError when it fails."""
    return run_module("benchmarks.evaluation.lvis_ap", name, annotations, predictions, _arrays(name, predictions))


def same_precision(predictions: Path) -> dict[str, bool]:
    """Whether the precision arrays of both evaluators are equal, of boxes and of masks."""
    stock, ours = (np.load(_arrays(name, predictions)) for name in EVALUATORS)
    return {kind: bool(np.array_equal(stock[kind], ours[kind])) for kind in KINDS}


def _arrays(name: str, predictions: Path) -> Path:
    return predictions.with_name(f"{name}.npz")


def compare_evaluators(annotations: Path, predictions: Path, repeats: int) -> dict[str, Any]:
    """seconds and peak_bytes of each evaluator, in turn, and whether their precision arrays are `equal`."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in EVALUATORS}
    for _ in range(repeats):
        for name, found in runs.items():
            found.append(evaluate(name, annotations, predictions))
    return {
        "seconds": {name: [run["seconds"] for run in found] for name, found in runs.items()},
        "peak_bytes": {name: max(run["peak_bytes"] for run in found) for name, found in runs.items()},
        "equal": same_precision(predictions),
    }


def main(name: str, annotations: str, predictions: str, arrays: str) -> None:
    begin = time.perf_counter()
    found = EVALUATORS[name](Path(annotations), Path(predictions))
    seconds = time.perf_counter() - begin
    cpu_seconds = time.process_time()  # of all threads
    np.savez(arrays, **found)
    figures = {"seconds": seconds, "cpu_seconds": cpu_seconds}
    rounded = {key: float(f"{value:.4g}") for key, value in figures.items()}
    print(json.dumps({**rounded, "peak_bytes": resident_peak()}))


if __name__ == "__main__":
    main(*sys.argv[1:])

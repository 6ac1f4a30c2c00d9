"""LVIS AP of boxes and masks by lvis-api and by lt_bench, each in a process of its own: seconds, peak memory, arrays.

python benchmarks/evaluations.py stock|lt_bench ANNOTATIONS PREDICTIONS ARRAYS      one of them, by itself
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lt_bench.errors import RunFailedError

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


EVALUATORS = {"stock": by_lvis_api, "lt_bench": by_lt_bench}


def measure_evaluation(annotations: Path, predictions: Path, folder: Path, repeats: int) -> dict[str, Any]:
    """seconds and peak_bytes (resident) of each evaluator, in turn, and whether their precision arrays are `equal`.

    Raises RunFailedError when one of them fails.
    """
    measured: dict[str, list[Mapping[str, Any]]] = {name: [] for name in EVALUATORS}
    for _ in range(repeats):
        for name, runs in measured.items():
            command = (sys.executable, __file__, name, annotations, predictions, folder / f"{name}.npz")
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RunFailedError(f"the evaluation by {name} failed:\n{done.stderr[-3000:]}")
            runs.append(json.loads(done.stdout.splitlines()[-1]))
    stock, ours = (np.load(folder / f"{name}.npz") for name in EVALUATORS)
    return {
        "seconds": {name: [run["seconds"] for run in runs] for name, runs in measured.items()},
        "peak_bytes": {name: max(run["peak_bytes"] for run in runs) for name, runs in measured.items()},
        "equal": {kind: bool(np.array_equal(stock[kind], ours[kind])) for kind in KINDS},
    }


def main(name: str, annotations: str, predictions: str, arrays: str) -> None:
    begin = time.perf_counter()
    found = EVALUATORS[name](Path(annotations), Path(predictions))
    seconds = time.perf_counter() - begin
    np.savez(arrays, **found)
    print(json.dumps({"seconds": float(f"{seconds:.4g}"), "peak_bytes": resident_peak()}))


def resident_peak() -> int:
    """Bytes. Not by getrusage: its peak counts the process that started this one, too."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main(*sys.argv[1:])

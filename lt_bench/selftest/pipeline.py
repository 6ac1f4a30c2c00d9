"""A run from its first iteration to its result: checkpoint, resume, predict, evaluate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.terms import KINDS
from lt_bench.run.folder import RunFolder
from lt_bench.selftest.command import FEW_IMAGES, lt_bench
from lt_bench.selftest.result import Check, CheckContext, Outcome
from lt_bench.testing.result import Wrong

ITERATIONS = 2
SCORES = 1e-3  # a GPU may add in another order each time


def run_and_resume(context: CheckContext) -> Outcome:
    """A run that lost what came after its first checkpoint goes on there; its last one predicts what the run did."""
    work = RunFolder(context.folder / "work")
    steps = ("--max-iters", str(ITERATIONS), "--checkpoint-every", "1", "--work-dir", "work")
    command = ("run", "--loss", "ecm", "--dataset", "glyphs", *steps, *FEW_IMAGES)
    lt_bench(context, *command)
    last = work.path / f"iter_{ITERATIONS}.pth"
    for path in (work.result, work.predictions, work.summary, last):
        path.unlink()
    said = lt_bench(context, *command, "--resume")
    if "continuing after iter_1.pth" not in said:
        raise Wrong("the run does not go on after its checkpoint")
    training = work.read_summary()
    if training.iterations != ITERATIONS:
        raise Wrong(f"the resumed run ends after {training.iterations} iterations of {ITERATIONS}")
    if training.device_kind != context.device.type:
        raise Wrong(f"the run used the {training.device_kind}")
    lt_bench(context, "eval", str(last))
    first, second = (_scores(folder.predictions) for folder in (work, RunFolder(work.path / "eval")))
    if len(first) != len(second) or not np.allclose(first, second, rtol=0, atol=SCORES):
        raise Wrong(f"the checkpoint predicts other detections ({len(second)}) than its run ({len(first)})")
    return Outcome(
        f"resumed after iteration 1 of {ITERATIONS}; the checkpoint predicts the run's {len(first)} detections",
        {"detections": len(first)},
    )


def _scores(predictions: Path) -> NDArray[np.float64]:
    return np.sort([detection["score"] for detection in json.loads(predictions.read_text(encoding="utf-8"))])


def evaluators(context: CheckContext) -> Outcome:
    """vernier and lvis-api give the same precision and recall, of boxes and masks that were moved a little."""
    from lt_bench.data.dataset import find
    from lt_bench.evaluation.ap.average_precision import ap_result, precision_recall
    from lt_bench.evaluation.inputs.detections import read_detections
    from lt_bench.evaluation.inputs.ground_truth import load_ground_truth

    annotations = find("glyphs", None).val
    predictions = context.folder / "moved.json"
    predictions.write_text(json.dumps(_moved(json.loads(annotations.read_bytes())["annotations"])), encoding="utf-8")
    truth = load_ground_truth(annotations)
    detections = read_detections(predictions, truth, True, boxes=True)
    figures: dict[str, float] = {}
    for kind, name in KINDS.items():
        vernier = precision_recall(truth, detections, kind, "vernier")
        lvis = precision_recall(truth, detections, kind, "lvis")
        for what, ours, theirs in zip(("precision", "recall"), vernier, lvis, strict=True):
            if not np.array_equal(ours, theirs):
                raise Wrong(f"{name}: {int((ours != theirs).sum())} values of {what} are not lvis-api's")
        figures[f"{name} AP"] = ap_result(truth, *lvis).metrics["AP"]
    if not all(0.1 < value < 1 for value in figures.values()):
        raise Wrong(f"objects that were moved a little have an AP of {figures}")
    said = ", ".join(f"{name} {100 * value:.2f}" for name, value in figures.items())
    return Outcome(f"vernier and lvis-api agree in every bit ({said})", figures)


def _moved(annotations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every object as a detection, by up to three pixels elsewhere, a few of them of another class."""
    from pycocotools import mask as mask_api

    rng = np.random.default_rng(0)
    found = []
    for annotation in annotations:
        across, down = rng.integers(-3, 4, 2)
        x, y, width, height = annotation["bbox"]
        mask = np.roll(mask_api.decode(_rle(annotation["segmentation"])), (down, across), axis=(0, 1))
        counts = mask_api.encode(np.asfortranarray(mask))["counts"].decode()
        other = annotations[int(rng.integers(len(annotations)))] if rng.random() < 0.2 else annotation
        found.append(
            {
                "image_id": annotation["image_id"],
                "category_id": other["category_id"],
                "bbox": [float(x + across), float(y + down), float(width), float(height)],
                "score": float(rng.random()),
                "segmentation": {"size": list(mask.shape), "counts": counts},
            }
        )
    return found


def _rle(segmentation: Any) -> Any:
    from pycocotools import mask as mask_api

    counts, size = segmentation["counts"], segmentation["size"]
    return mask_api.frPyObjects(segmentation, *size) if isinstance(counts, list) else segmentation


CHECKS = (
    Check("pipeline", "checkpoint, resume, predict", run_and_resume),
    Check("pipeline", "evaluate", evaluators),
)

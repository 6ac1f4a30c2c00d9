"""LVIS precision and recall by lvis-api itself: the definition, and slow."""

from __future__ import annotations

import json
import logging
import tempfile
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lt_bench.errors import UserError
from lt_bench.evaluation.evidence.evidence import Outcomes
from lt_bench.evaluation.evidence.outcomes import fill
from lt_bench.evaluation.inputs.detections import Detections
from lt_bench.evaluation.inputs.ground_truth import REMEDY, GroundTruth
from lt_bench.evaluation.terms import IouType

MOST_LISTED = 20_000_000  # absent categories, of all images


def precision_recall(
    truth: GroundTruth, detections: Detections, iou_type: IouType, outcomes: Outcomes | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Precision [T, R, K, A] and recall [T, K, A] of checked detections, all of which count.

    outcomes: where those of the detections are written to, if they are wanted. Raises UserError for annotations that
    lvis-api fails on, such as one without any polygon.
    """
    # lvis-api raises IndexError on an empty list, so that gets a box of no area, which lvis-api forgets.
    results = list(_rows(truth, detections, iou_type)) or [_forgotten(truth)]
    with _lvis_api() as lvis, _written(truth) as path:
        try:
            ground_truth = lvis.LVIS(str(path))
            evaluation = lvis.LVISEval(ground_truth, lvis.LVISResults(ground_truth, results, max_dets=-1), iou_type)
            evaluation.evaluate()
        except Exception as error:  # pycocotools raises a plain Exception for a polygon that it does not take
            message = f"{truth.path}: lvis-api cannot evaluate it: {type(error).__name__}: {error}"
            raise UserError(message, REMEDY) from error
        evaluation.accumulate()
    if outcomes is not None and len(detections):
        fill(outcomes, evaluation.eval_imgs)
    return evaluation.eval["precision"], evaluation.eval["recall"]


def _rows(truth: GroundTruth, detections: Detections, iou_type: IouType) -> Iterator[dict[str, Any]]:
    """Detections as lvis-api takes them, with nothing but what `iou_type` needs: of a bbox it would take the area."""
    columns = zip(detections.image.tolist(), detections.category.tolist(), detections.score.tolist(), strict=True)
    rows = [{"image_id": image, "category_id": category, "score": score} for image, category, score in columns]
    if iou_type == "bbox":
        for row, box in zip(rows, detections.box.tolist(), strict=True):
            yield {**row, "bbox": box}
        return
    assert detections.counts is not None
    sizes = truth.image_size[truth.image_indices(detections.image)].tolist()
    for row, size, counts in zip(rows, sizes, detections.counts.to_pylist(), strict=True):
        yield {**row, "segmentation": {"size": size, "counts": counts}}


@contextmanager
def _written(truth: GroundTruth) -> Iterator[Path]:
    """A file of what `truth` holds, which may be a part of its own file, or that have what lvis-api can't read."""
    categories = [
        {"id": category, "frequency": frequency}
        for category, frequency in zip(truth.category_ids, truth.frequency, strict=True)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "annotations.json"
        with path.open("wb") as stream:
            stream.write(b'{"categories":%s,"images":[' % json.dumps(categories).encode())
            stream.write(b",".join(_images(truth)))
            stream.write(b'],"annotations":[')
            stream.write(b",".join(truth.annotations(np.arange(len(truth.objects.row)))))
            stream.write(b"]}")
        yield path


def _images(truth: GroundTruth) -> list[bytes]:
    """The JSON of the images: as the file has it, but with lists of absent categories where it says that once for all.
    Raises UserError where these would be too long for lvis-api to come to an end."""
    images = truth.file.images.raw_at(truth.image_row)
    if not truth.file.exhaustive:
        return images
    if len(images) * len(truth.category_ids) > MOST_LISTED:
        raise UserError(
            f"{truth.path}: {len(images):,} images with lists of {len(truth.category_ids):,} categories are too much "
            "for lvis-api",
            "evaluate by vernier, which is the default, and is compared with lvis-api on a sample of the images.",
        )
    ids = np.array(truth.category_ids)
    listed = []
    for row, image in enumerate(map(json.loads, images)):
        absent = ids[truth.annotated[row] & ~truth.positive[row]].tolist()
        listed.append(json.dumps({**image, "neg_category_ids": absent}).encode())
    return listed


def _forgotten(truth: GroundTruth) -> dict[str, Any]:
    image = int(truth.image_ids[0])
    return {"image_id": image, "category_id": truth.category_ids[0], "bbox": [0, 0, 0, 0], "score": 0.0}


@contextmanager
def _lvis_api() -> Iterator[types.ModuleType]:
    """lvis-api, silent, and with the one name that numpy has since removed, for as long as it is used."""
    logger = logging.getLogger("lvis")
    level, root = logger.level, logging.getLogger()
    # At import lvis-api configures the root logger, unless it has a handler.
    handler = logging.NullHandler()
    root.addHandler(handler)
    try:
        import lvis
        import lvis.eval
    except ImportError as error:
        raise UserError(f"lvis-api cannot be imported: {error}", "pip install lvis==0.5.3, or use vernier.") from error
    finally:
        root.removeHandler(handler)
    numpy = types.ModuleType("numpy")
    vars(numpy).update(vars(np), float=float)
    lvis.eval.np = numpy
    logger.setLevel(logging.CRITICAL)
    try:
        yield lvis
    finally:
        lvis.eval.np = np
        logger.setLevel(level)

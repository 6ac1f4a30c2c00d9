"""A run's folder as `run` leaves it, without training: a real run's config and notes, and made-up predictions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pycocotools.mask as mask_utils
import pytest
from made_probe import probe_config
from record_values import DECOUPLED, FEATURES, boxes_alone

from lt_bench.data import dataset as datasets
from lt_bench.evaluation.evidence.collect import collect
from lt_bench.evaluation.evidence.file import write_evidence
from lt_bench.evaluation.inputs.detections import read_detections
from lt_bench.evaluation.inputs.ground_truth import load_ground_truth
from lt_bench.evaluation.metrics import measure
from lt_bench.evaluation.report import class_rows, write_per_class
from lt_bench.evaluation.terms import BoxOrMask
from lt_bench.leaderboard import ResultRecord, read, write
from lt_bench.leaderboard.dumped_config import config_text
from lt_bench.leaderboard.fingerprint import probe_fingerprint
from lt_bench.utils.files import sha256_of

BEFORE = Path(__file__).parents[1] / "run" / "before"
BOXES: tuple[BoxOrMask, ...] = ("bbox",)
SIZE = 96  # pixels, of every image


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run. Tests leave it as it is."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    finish_run(folder)
    return folder


@pytest.fixture(scope="session")
def finished_probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a classifier that was trained alone, measured by its boxes. Tests leave it as it is."""
    folder = tmp_path_factory.mktemp("finished") / "probe"
    finish_probe(folder)
    return folder


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """A copy of that folder."""
    return Path(shutil.copytree(finished, tmp_path / "copied"))


def finish_run(folder: Path) -> Path:
    """Fill `folder` with a run of seesaw on glyphs; returns the validation annotations."""
    folder.mkdir(parents=True)
    for name in ("config.py", "run.json", "training.json"):
        shutil.copyfile(BEFORE / name, folder / name)
    annotations = datasets.load(datasets.find("glyphs", None)).val.path
    (folder / "predictions.json").write_text(json.dumps(_detections(annotations)), encoding="utf-8")
    measure_run(folder)
    return annotations


def measure_run(folder: Path) -> None:
    """Write evidence, AP by class and record of the predictions in `folder`."""
    data = datasets.load(datasets.find("glyphs", None))
    predictions = folder / "predictions.json"
    measured = measure(data.val.path, predictions)
    truth = load_ground_truth(data.val.path)
    best = read_detections(predictions, truth, masks=True)
    digest = sha256_of(predictions)
    evidence = write_evidence(collect(truth, best, ("bbox", "segm"), predictions=digest), folder / "evidence.parquet")
    rows = class_rows(data.train.categories, measured.per_class())
    content = read(BEFORE / "result.json").model_dump() | measured.blocks()
    content |= {"schema_version": 3, "predictions": digest, "evidence": evidence, "per_class": rows}
    record = ResultRecord.model_validate(content)
    write_per_class(folder / "per_class.csv", (row.model_dump() for row in record.per_class))
    write(record, folder / "result.json")


def finish_probe(folder: Path) -> None:
    """Fill `folder` with a classifier of seesaw, trained alone on made-up features of glyphs."""
    folder.mkdir(parents=True)
    data = datasets.load(datasets.find("glyphs", None))
    predictions = folder / "predictions.json"
    rows = [{key: row[key] for key in row if key != "segmentation"} for row in _detections(data.val.path)]
    predictions.write_text(json.dumps(rows), encoding="utf-8")
    measured = measure(data.val.path, predictions, kinds=BOXES, evidence=True)
    assert measured.evidence is not None
    content = boxes_alone(read(BEFORE / "result.json").model_dump()) | measured.blocks()
    content["loss"]["non_default"] = ("p",)
    content |= {
        "schema_version": 4,
        "track": {**DECOUPLED, "dataset": "glyphs"},
        "init": {"kind": "pretrained", "description": f"detector {FEATURES}, weights 0123abcd"},
        "predictions": measured.evidence.predictions,
        "evidence": write_evidence(measured.evidence, folder / "evidence.parquet"),
        "per_class": class_rows(data.train.categories, measured.per_class()),
        "overrides": ("--steps 360",),
    }
    config = probe_config(ResultRecord.model_validate(content))
    (folder / "config.py").write_text(config_text(config), encoding="utf-8")
    record = ResultRecord.model_validate(content | {"fingerprint": probe_fingerprint(config)})
    write_per_class(folder / "per_class.csv", (row.model_dump() for row in record.per_class))
    write(record, folder / "result.json")


def _detections(annotations: Path) -> list[dict[str, object]]:
    """Objects found more or less well, and some that are none; at most 300 of an image."""
    rng = np.random.default_rng(0)
    content = json.loads(annotations.read_text(encoding="utf-8"))
    rows: list[dict[str, object]] = []
    for row in content["annotations"]:
        for _ in range(2):
            x, y, width, height = np.add(row["bbox"], rng.integers(-2, 3, 4)).clip(1, SIZE).tolist()
            wrong = rng.random() < 0.2
            pixels = np.zeros((SIZE, SIZE), dtype=np.uint8, order="F")
            pixels[y : y + height, x : x + width] = 1
            rows.append(
                {
                    "image_id": row["image_id"],
                    "category_id": int(rng.integers(1, 31)) if wrong else row["category_id"],
                    "bbox": [x, y, width, height],
                    "score": float(rng.random(dtype=np.float32)),
                    "segmentation": {
                        "size": [SIZE, SIZE],
                        "counts": mask_utils.encode(pixels)["counts"].decode(),
                    },
                }
            )
    return rows

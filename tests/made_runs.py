"""Made-up runs that look like those of detectors: losses of known skill, seeds that scatter around it."""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from lt_bench.evaluation.evidence.evidence import Evidence, Outcomes
from lt_bench.evaluation.evidence.file import write_evidence
from lt_bench.evaluation.evidence.precision import evidence_metrics
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.store import write

IMAGES, CLASSES = 60, 12
OWN = {"hyper_parameters": {}, "distribution": "lt_bench", "distribution_version": "0.1.0"}


def frequency(classes: int = CLASSES) -> tuple[str, ...]:
    """A third each: rare, common, frequent."""
    return tuple("rcf"[min(3 * index // classes, 2)] for index in range(classes))


def training_images(classes: int = CLASSES) -> list[int]:
    """From 3 up to about 1,000, ascending."""
    return [round(3 * 350 ** (index / max(classes - 1, 1))) for index in range(classes)]


def made_run(skill: float, seed: int, images: int = IMAGES, classes: int = CLASSES, masks: bool = True) -> Evidence:
    """The same images and objects in every run of so many images and classes. skill: in [0, 1], of every object to be
    found, and well. Masks come out like boxes, one threshold worse.
    """
    truth = np.random.default_rng(1000 * images + classes)
    rate = np.geomspace(0.06, 0.5, classes)
    present = truth.random((classes, images)) < rate[:, None]
    present[np.arange(classes), truth.integers(images, size=classes)] = True
    object_category, object_image = np.nonzero(present)
    count = truth.integers(1, 3, size=len(object_category))
    annotated = present | (truth.random((classes, images)) < 0.25)
    rng = np.random.default_rng([seed, round(1e6 * skill)])
    rows: list[tuple[int, int, float, int]] = []  # category, image, score, thresholds passed
    for category, image, objects in zip(object_category, object_image, count, strict=True):
        for _ in range(objects):
            quality = rng.normal(10 * skill, 3)
            if quality > 0:
                score = float(np.clip(rng.normal(0.4 + 0.04 * quality, 0.15), 0.01, 1))
                rows.append((category, image, score, int(min(quality, 10))))
    for category, image in np.argwhere(annotated):
        for _ in range(rng.poisson(1.2)):
            rows.append((category, image, float(np.clip(rng.normal(0.35, 0.15), 0.01, 1)), 0))
    rows.sort(key=lambda row: (row[0], -row[2], row[1]))
    passed = np.array([row[3] for row in rows])
    none = np.zeros((len(rows), 4), dtype=np.uint16)

    def outcomes(loss: int) -> Outcomes:
        correct = ((1 << np.maximum(passed - loss, 0)) - 1).astype(np.uint16)
        return Outcomes(np.repeat(correct[:, None], 4, axis=1), none)

    return Evidence(
        annotations="a" * 64,
        predictions=hashlib.sha256(f"{skill} {seed}".encode()).hexdigest(),
        image_ids=np.arange(images, dtype=np.int64) + 1,
        category_ids=np.arange(classes, dtype=np.int64) + 1,
        frequency=frequency(classes),
        category=np.array([row[0] for row in rows], dtype=np.int32),
        image=np.array([row[1] for row in rows], dtype=np.int32),
        score=np.array([row[2] for row in rows]),
        outcomes={"bbox": outcomes(0), **({"segm": outcomes(1)} if masks else {})},
        object_category=object_category.astype(np.int32),
        object_image=object_image.astype(np.int32),
        object_count=np.repeat(count[:, None], 4, axis=1).astype(np.int32),
    )


def made_record(
    evidence: Evidence, digest: str | None, loss: str | dict[str, Any] = "ce", seed: int = 0, **fields: Any
) -> ResultRecord:
    """A record with the evidence's AP, of boxes alone where it has no masks. digest: of the evidence's file; None for a
    record without, which is an old one if it has masks.
    """
    found = {kind: evidence_metrics(evidence, kind) for kind in evidence.outcomes}
    metrics = {str(kind): values for kind, (values, _) in found.items()}
    by_class = {str(kind): values for kind, (_, values) in found.items()}
    ids = evidence.category_ids.tolist()
    content: dict[str, Any] = {
        "schema_version": 4 if "segm" not in found else 2 if digest is None else 3,
        "loss": loss if isinstance(loss, dict) else {**OWN, "name": loss},
        "track": {
            "dataset": "made",
            "detector": "mask_rcnn",
            "backbone": "r50",
            "schedule": "1x",
            "recipe": "common",
        },
        "fingerprint": "f" * 64,
        "seed": seed,
        "init": {"kind": "random", "description": "random weights, seed 0"},
        "metrics": metrics,
        "per_class": [
            {
                "id": key,
                "name": f"class {key}",
                "frequency": group,
                "image_count": images,
                "instance_count": 2 * images,
                **{kind: values[key] for kind, values in by_class.items()},
            }
            for key, group, images in zip(ids, evidence.frequency, training_images(len(ids)), strict=True)
        ],
        "evaluator": "vernier 0.5.4",
        "training_seconds": 60.0,
        "evaluation_seconds": 1.0,
        "iterations": 10,
        "epochs": 1,
        "memory": {"peak_bytes": 2**30, "kind": "host"},
        "device": {"name": "CPU", "count": 1, "kind": "cpu"},
        "versions": {},
        "git": None,
        "data": {
            "train_annotations": "b" * 64,
            "val_annotations": evidence.annotations,
            "classes": len(ids),
            "train_images": 240,
            "val_images": len(evidence.image_ids),
        },
        "predictions": evidence.predictions,
        "started": datetime(2026, 3, 1, 12, seed % 60, tzinfo=timezone.utc),
        **({} if digest is None else {"evidence": digest}),
    }
    return ResultRecord.model_validate({**content, **fields})


def write_run(
    folder: Path,
    loss: str | dict[str, Any] = "ce",
    skill: float = 0.5,
    seed: int = 0,
    masks: bool = True,
    **fields: Any,
) -> Path:
    """A run's folder with result.json and evidence.parquet; returns it."""
    evidence = made_run(skill, seed, masks=masks)
    folder.mkdir(parents=True)
    digest = write_evidence(evidence, folder / "evidence.parquet")
    write(made_record(evidence, digest, loss, seed, **fields), folder / "result.json")
    return folder

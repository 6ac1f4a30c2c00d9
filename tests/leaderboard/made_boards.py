"""Boards with evidence: runs of detectors of known quality, as records and evidence files. Nothing was trained."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from record_values import metrics

from lt_bench.evaluation.evidence.evidence import Evidence, Outcomes
from lt_bench.evaluation.evidence.file import write_evidence
from lt_bench.evaluation.evidence.precision import evidence_metrics
from lt_bench.leaderboard import ResultRecord, record_path, write
from lt_bench.leaderboard.store import evidence_path

IMAGES = 80
OBJECTS_IN = (4, 6, 20, 25, 50, 60)  # images with an object of each class
FREQUENCY = tuple("rrccff")


def made_board(
    folder: Path, make_record: Any, losses: Mapping[str, tuple[float, Collection[int]]], **fields: Any
) -> Path:
    """Write the runs below folder/results. losses: name -> (how well it detects, from 0 to 1; seeds)."""
    for loss, (quality, seeds) in losses.items():
        for seed in seeds:
            made_run(folder, make_record, loss, quality, seed, **fields)
    return folder


def made_run(
    folder: Path,
    make_record: Any,
    loss: str,
    quality: float,
    seed: int,
    moved: bool = False,
    masks: bool = True,
    **fields: Any,
) -> Path:
    """Write one run, its evidence beside it; returns the record's path. moved: an object more is to be found. masks:
    whether they were measured beside boxes.
    """
    evidence = made_detections(quality, crc32(f"{loss} {seed}".encode()))
    if not masks:
        evidence = replace(evidence, outcomes={"bbox": evidence.outcomes["bbox"]}, evaluators={"bbox": "vernier"})
    if moved:
        count = evidence.object_count.copy()
        count[0] += 1
        evidence = replace(evidence, object_count=count)
    both = {kind: evidence_metrics(evidence, kind) for kind in evidence.outcomes}
    classes = [
        {
            **{"id": int(key), "name": f"class {key}", "frequency": frequency},
            **{"image_count": 5, "instance_count": 7},
            **{kind: per_class[int(key)] for kind, (_, per_class) in both.items()},
        }
        for key, frequency in zip(evidence.category_ids, FREQUENCY, strict=True)
    ]
    data = make_record().data.model_dump() | {"classes": len(classes), "val_images": IMAGES}
    content = {
        "seed": seed,
        "data": data,
        "per_class": classes,
        "metrics": {kind: metrics(0.0, **found) for kind, (found, _) in both.items()},
        "predictions": evidence.predictions,
    }
    record: ResultRecord = make_record(loss, **{**content, **fields})
    path = folder / "results" / record_path(record)
    digest = write_evidence(evidence, evidence_path(path))
    write(type(record).model_validate({**record.model_dump(exclude_none=True), "evidence": digest}), path)
    return path


def made_detections(quality: float, seed: int) -> Evidence:
    """Two detections for each object: the better the detector, the tighter and the surer. Images are the same."""
    truth, own = np.random.default_rng(0), np.random.default_rng(seed)
    places = [np.sort(truth.permutation(IMAGES)[:count]) for count in OBJECTS_IN]
    hard = [truth.normal(0, 0.2, count) for count in OBJECTS_IN]
    rows = []
    for category, (images, difficulty) in enumerate(zip(places, hard, strict=True)):
        for image, offset in zip(images, difficulty, strict=True):
            tight = np.clip(quality + offset + own.normal(0, 0.15), 0, 1)
            bits = (1 << round(10 * tight)) - 1  # correct up to some IoU
            rows += [(category, image, own.normal(tight, 0.3), bits), (category, image, own.normal(0.2, 0.3), 0)]
    rows.sort(key=lambda row: (row[0], -row[2], row[1]))
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    correct = np.stack([columns[3]] * 4, axis=1).astype(np.uint16)
    outcomes = Outcomes(correct, np.zeros_like(correct))
    return Evidence(
        annotations="c" * 64,
        predictions=f"{seed:064x}",
        image_ids=np.arange(IMAGES, dtype=np.int64),
        category_ids=np.arange(1, 1 + len(OBJECTS_IN), dtype=np.int64),
        frequency=FREQUENCY,
        category=columns[0].astype(np.int32),
        image=columns[1].astype(np.int32),
        score=columns[2].astype(np.float64),
        outcomes={"bbox": outcomes, "segm": outcomes},
        object_category=np.repeat(np.arange(len(OBJECTS_IN), dtype=np.int32), OBJECTS_IN),
        object_image=np.concatenate(places).astype(np.int32),
        object_count=np.ones((sum(OBJECTS_IN), 4), dtype=np.int32),
        evaluators={"bbox": "vernier", "segm": "vernier"},
    )


def rows_of(text: str) -> dict[str, dict[str, str]]:
    """The cells of the first table of a page, by loss."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    rows = (dict(zip(lines[0], line, strict=True)) for line in lines[2:])
    return {row["loss"]: row for row in rows}

"""A record against the predictions themselves: everything measured anew, and the evidence made anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from lt_bench.data import dataset as datasets
from lt_bench.errors import UserError
from lt_bench.evaluation.ap.average_precision import EVALUATORS, Evaluator
from lt_bench.evaluation.evidence.collect import collect
from lt_bench.evaluation.evidence.evidence import Evidence, Outcomes
from lt_bench.evaluation.evidence.file import read_evidence
from lt_bench.evaluation.inputs.detections import read_detections
from lt_bench.evaluation.inputs.ground_truth import load_ground_truth
from lt_bench.evaluation.inputs.reading import AS_ANNOTATED, Reading
from lt_bench.evaluation.metrics import Measured, chosen
from lt_bench.evaluation.metrics.metric import Inputs
from lt_bench.leaderboard.dumped_config import is_probe, read_config
from lt_bench.leaderboard.files import Files
from lt_bench.leaderboard.fingerprint import innermost_dataset
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.verification.problem import Problem, differences, unreadable
from lt_bench.utils.files import sha256_of


def find_annotations(record: ResultRecord, files: Files) -> Path | None:
    """The validation annotations that a record was measured on, if they are on this machine."""
    if any(line.endswith("images left out") for line in record.overrides):
        return files.annotations if files.annotations and files.annotations.is_file() else None
    return next(
        (
            path
            for path in _candidates(record, files)
            if path.is_file() and sha256_of(path) == record.data.val_annotations
        ),
        None,
    )


def _candidates(record: ResultRecord, files: Files) -> Iterator[Path]:
    """Where the annotations may be, one by one: those of a data set that is drawn may have to be made."""
    with suppress(UserError, KeyError, TypeError):  # a config that can't be read is named by its own check
        config = read_config(files.config)
        named = config if is_probe(config) else innermost_dataset(config["test_dataloader"])
        yield Path(named["ann_file"])
    with suppress(UserError, OSError):  # the data set is not here, or nothing can be written
        yield datasets.val_annotations(record.track.dataset, "segm" in record.kinds)


def check_annotations(record: ResultRecord, annotations: Path, evidence: Path) -> None:
    """Raises UserError unless these are the annotations that a record was measured on."""
    expected = record.data.val_annotations
    if any(line.endswith("images left out") for line in record.overrides):  # measured on a copy without these
        try:
            expected = read_evidence(evidence).annotations
        except UserError:
            return
    if sha256_of(annotations) == expected:
        return
    load_ground_truth(annotations, "segm" in record.kinds)  # says so if they are none at all
    raise UserError(
        f"{annotations} is not what the record was measured on: {record.track.dataset}'s validation annotations with "
        f"the SHA-256 {expected[:12]}...",
        "name those with --annotations, or leave it out",
    )


def by_predictions(record: ResultRecord, predictions: Path, annotations: Path, evidence: Path) -> Iterator[Problem]:
    """Measure everything that the record has once more. annotations: those that it was measured on."""
    named = record.evaluator.partition(" ")[0]
    evaluator: Evaluator = next((known for known in EVALUATORS if known == named), "vernier")
    try:
        boxes, masks = "bbox" in record.kinds, "segm" in record.kinds
        truth = load_ground_truth(annotations, masks)
        detections = read_detections(predictions, truth, masks, boxes, _reading(record))
        inputs = Inputs(truth, detections, record.kinds, evaluator)
        measured = Measured({metric.name: metric.measure(inputs) for metric in chosen(record.measured())})
        made = collect(truth, inputs.best, record.kinds, evaluator, sha256_of(predictions))
    except UserError as error:
        yield unreadable("predictions", predictions, error.message)
        return
    yield from differences(record.model_dump(), measured.blocks())
    recorded = {str(row.id): row.model_dump() for row in record.per_class}
    for column, values in measured.per_class().items():
        found = {str(category): {column: value} for category, value in values.items()}
        yield from differences(recorded, found, "per_class.")
    if evidence.is_file():
        yield from _other_evidence(evidence, made)


def _reading(record: ResultRecord) -> Reading:
    other = record.elsewhere
    return AS_ANNOTATED if other is None else Reading(other.image_ids, other.category_ids)


def by_digest(record: ResultRecord, predictions: Path) -> Iterator[Problem]:
    """Whether it is the file that the record was measured on."""
    digest = sha256_of(predictions)
    if digest != record.predictions:
        yield Problem("predictions", record.predictions, digest)


def _other_evidence(path: Path, made: Evidence) -> Iterator[Problem]:
    try:
        read = read_evidence(path)
    except UserError:
        return  # named by the check of the evidence
    for field in fields(Evidence):
        if not _same(getattr(read, field.name), getattr(made, field.name)):
            yield Problem(f"evidence.{field.name}", "in the file", "another when made from the predictions")


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, Outcomes) and isinstance(other, Outcomes):
        return np.array_equal(one.correct, other.correct) and np.array_equal(one.ignored, other.ignored)
    return bool(np.array_equal(one, other))

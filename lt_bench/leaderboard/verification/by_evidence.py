"""A record against its evidence: the digests, the data, and every AP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lt_bench.errors import UserError
from lt_bench.evaluation.evidence.evidence import Evidence
from lt_bench.evaluation.evidence.file import read_evidence
from lt_bench.evaluation.evidence.precision import evidence_metrics
from lt_bench.evaluation.terms import KINDS
from lt_bench.leaderboard.files import is_plain
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.verification.problem import ABSENT, Problem, differences, unreadable
from lt_bench.utils.files import sha256_of


def by_evidence(record: ResultRecord, path: Path) -> Iterator[Problem]:
    """What of the record the evidence in `path` denies."""
    if not is_plain(path):
        what = "is a link, which leads out of the store" if path.is_symlink() else "is not there"
        yield Problem("evidence", record.evidence, f"{path.name} {what}")
        return
    digest = sha256_of(path)
    if digest != record.evidence:
        yield Problem("evidence", record.evidence, digest)
    try:
        evidence = read_evidence(path)
    except UserError as error:
        yield unreadable("evidence", path, error.message)
        return
    yield from _data(record, evidence)
    yield from metrics(record, evidence)


def by_other_evidence(record: ResultRecord, path: Path) -> Iterator[Problem]:
    """Whether a file beside a record that names no evidence is of another run's predictions: storing a run in the
    place of this one was interrupted.
    """
    if not path.is_file():
        return
    try:
        predictions = read_evidence(path).predictions
    except UserError as error:
        yield unreadable("evidence", path, error.message)
        return
    if predictions != record.predictions:
        yield Problem("evidence", ABSENT, f"{path.name}, of other predictions")


def metrics(record: ResultRecord, evidence: Evidence) -> Iterator[Problem]:
    """The AP of boxes, of masks where there are any, and of every class, computed again."""
    for kind in KINDS:
        if kind not in record.kinds:
            if kind in evidence.outcomes:
                yield Problem(f"metrics.{kind}", ABSENT, "in the evidence")
            continue
        if kind not in evidence.outcomes:
            yield Problem(f"metrics.{kind}", "measured", "not in the evidence")
            continue
        values, per_class = evidence_metrics(evidence, kind)
        yield from differences(getattr(record.metrics, kind).model_dump(), values, f"metrics.{kind}.")
        recorded = {str(row.id): getattr(row, kind) for row in record.per_class}
        found = {str(category): value for category, value in per_class.items()}
        for problem in differences(recorded, found):
            yield Problem(f"per_class.{problem.field}.{kind}", problem.recorded, problem.found)


def _data(record: ResultRecord, evidence: Evidence) -> Iterator[Problem]:
    if evidence.predictions != record.predictions:
        yield Problem("predictions", record.predictions, evidence.predictions)
    images_left_out = any(line.endswith("images left out") for line in record.overrides)
    if evidence.annotations != record.data.val_annotations and not images_left_out:
        yield Problem("data.val_annotations", record.data.val_annotations, evidence.annotations)
    found = {"classes": len(evidence.category_ids), "val_images": len(evidence.image_ids)}
    yield from differences(record.data.model_dump(), found, "data.")
    for used in sorted(set(evidence.evaluators.values())):
        if used not in record.evaluator:
            yield Problem("evaluator", record.evaluator, used)
    recorded = {str(row.id): row.frequency for row in record.per_class}
    categories = map(str, evidence.category_ids.tolist())
    frequency = dict(zip(categories, evidence.frequency, strict=True))
    for problem in differences(recorded, frequency):
        yield Problem(f"per_class.{problem.field}.frequency", problem.recorded, problem.found)
    for unknown in sorted(set(recorded) - set(frequency)):
        yield Problem(f"per_class.{unknown}.id", unknown, "no such category in the evidence")

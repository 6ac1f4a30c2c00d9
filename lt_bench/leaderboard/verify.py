"""Whether a record says what is true, as far as the files beside it know."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lt_bench.errors import UserError
from lt_bench.leaderboard.files import Files, files_of, is_plain
from lt_bench.leaderboard.store import read
from lt_bench.leaderboard.verification.by_config import by_config
from lt_bench.leaderboard.verification.by_evidence import by_evidence, by_other_evidence
from lt_bench.leaderboard.verification.by_notes import by_manifest, by_per_class, by_summary
from lt_bench.leaderboard.verification.by_predictions import (
    by_digest,
    by_predictions,
    check_annotations,
    find_annotations,
)
from lt_bench.leaderboard.verification.by_seal import by_name, by_seal, unexplained
from lt_bench.leaderboard.verification.by_sense import by_sense
from lt_bench.leaderboard.verification.problem import Problem, shown, unreadable
from lt_bench.utils.files import sha256_of


@dataclass(frozen=True)
class Verification:
    """problems: what does not hold. checked: what the record was held against. unchecked: why not against the rest.
    has_evidence: whether its metrics could be computed again. needed: the files that it should have been held against.
    """

    record: Path
    problems: tuple[Problem, ...]
    checked: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    has_evidence: bool = False
    needed: tuple[str, ...] = ("config", "AP by class")

    @property
    def status(self) -> str:
        """ "wrong", "unverified" (nothing denies it, but it has no evidence) or "verified"."""
        return "wrong" if self.problems else "verified" if self.has_evidence else "unverified"

    @property
    def headline(self) -> str:
        """The status, and what a record that is verified was not held against though it should be there."""
        missing = [name for name in self.needed if name not in self.checked]
        if self.status == "verified" and missing:
            return f"verified, but for: {', '.join(missing)} (not there)"
        return "unverified (no evidence)" if self.status == "unverified" else self.status


def verify(record: Path, given: Files | None = None, annotations: Path | None = None) -> Verification:
    """Hold a record against all that lies beside it, or in its run's folder.

    given: its files, where they are elsewhere. annotations: the validation annotations, where they can't be found.
    Raises UserError when there is nothing at `record`; what is no record, a folder too, has a problem. Also when
    `annotations` are not those that it was measured on.
    """
    files = given or files_of(record)
    if not os.path.lexists(record):
        raise UserError(f"{record} is no record", "name a record (.json), a run's folder or a folder of records")
    try:
        content = read(record)
    except UserError as error:
        return Verification(record, (unreadable("schema", record, error.message),))
    if annotations is not None:
        check_annotations(content, annotations, files.evidence)
    problems, checked, unchecked = [*by_name(record, content), *by_sense(content)], ["schema"], []
    if content.schema_version < 3:
        unchecked.append(f"seal: version {content.schema_version} has none")
    else:
        problems += by_seal(content)
        checked.append("seal")
    if content.evidence is None:
        problems += by_other_evidence(content, files.evidence)
        unchecked.append("evidence: the record names none")
    else:
        problems += by_evidence(content, files.evidence)
        checked.append("evidence")
    for name, path, check in (
        ("AP by class", files.per_class, by_per_class),
        ("config", files.config, by_config),
        ("run.json", files.manifest, by_manifest),
        ("training.json", files.summary, by_summary),
    ):
        if content.elsewhere is not None and check is not by_per_class:
            continue  # whatever lies there, it is not of these predictions
        if path and path.is_symlink() and path in (files.per_class, files.config):
            problems.append(Problem(name, path.name, "a link, which leads out of the store"))
        elif path and path.is_file():
            problems += check(content, path)
            checked.append(name)
        elif path:
            unchecked.append(f"{name}: there is no {path.name}")
    if files.predictions and files.predictions.is_file():
        problems += by_digest(content, files.predictions)
        annotations = annotations or find_annotations(content, files)
        if annotations is None:
            unchecked.append("predictions: their annotations are not here; name them with --annotations")
        else:
            problems += by_predictions(content, files.predictions, annotations, files.evidence)
            checked.append("predictions")
    else:
        unchecked.append("predictions: they are not here")
    problems = list(_once(unexplained(content, problems)))
    needed = Verification.needed if content.elsewhere is None else ("AP by class",)
    found = tuple(problems), tuple(checked), tuple(unchecked)
    return Verification(record, *found, content.evidence is not None, needed)


def is_verified(record: Path) -> bool:
    """Whether a record's seal holds, and its metrics come out of the evidence beside it. For pages: config and
    predictions are not looked at. The answer is kept for the same two files.
    """
    evidence = files_of(record).evidence
    if not is_plain(evidence):
        return False
    return _verified(record, evidence, sha256_of(record), sha256_of(evidence))


@cache
def _verified(record: Path, evidence: Path, *digests: str) -> bool:
    """digests: of both files, for the cache alone."""
    try:
        content = read(record)
    except UserError:
        return False
    return not any((*by_seal(content), *by_evidence(content, evidence)))


def _once(problems: Iterable[Problem]) -> Iterator[Problem]:
    """Each field with each true value once, however many witnesses name it."""
    seen = set()
    for problem in problems:
        key = (problem.field, shown(problem.found), problem.said)
        if key not in seen:
            seen.add(key)
            yield problem

"""A record against its own seal and its own name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic_core import to_jsonable_python

from lt_bench.leaderboard.find import STORED
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.seal import broken, sealed_fields
from lt_bench.leaderboard.store import record_path
from lt_bench.leaderboard.verification.problem import ABSENT, Problem, shown

SEALED = "what was sealed"


def by_seal(record: ResultRecord) -> Iterator[Problem]:
    """Fields that were changed after the record was written. What they said before is not known."""
    content = record.model_dump(mode="json")
    if record.seal is None:
        yield Problem(
            "seal",
            ABSENT,
            "a record of this version has one",
            f"missing; a record of version {record.schema_version} has one",
        )
        return
    values = sealed_fields(content)
    for name in broken(content):
        if name not in record.seal:
            yield Problem(name, values[name], SEALED, f"{_named(values[name])} was not there when it was sealed")
        elif name not in values:
            yield Problem(name, ABSENT, SEALED, "sealed, and not there any more")
        else:
            yield Problem(name, values[name], SEALED, f"{_named(values[name])} is not {SEALED}")


def unexplained(record: ResultRecord, problems: Iterable[Problem]) -> Iterator[Problem]:
    """All problems but those of the seal that the others explain: with the values that these found, the seal holds."""
    problems = list(problems)
    content = record.model_dump(mode="json")
    for problem in problems:
        if problem.found != SEALED or problem.field not in _holds(content, problem.field, problems):
            yield problem


def by_name(path: Path, record: ResultRecord) -> Iterator[Problem]:
    """Whether a stored record lies where its track, loss, seed and identity belong."""
    own, found = record_path(record), PurePosixPath(*path.resolve().parts[-3:])
    if STORED.search(path.name) and own != found:
        yield Problem("file name", str(found), str(own))


def _named(value: Any) -> str:
    return "a value in it" if isinstance(value, dict | list) and value else shown(value)


def _holds(content: dict[str, Any], field: str, problems: Iterable[Problem]) -> set[str]:
    """{field} if its digest is the sealed one once all that was found of it is put back, else nothing."""
    restored = deepcopy(content)
    for problem in problems:
        if problem.found != SEALED and f"{problem.field}.".startswith(f"{field}."):
            _put_back(restored, problem.field.split("."), problem.found)
    return {field} - set(broken(restored))


def _put_back(content: dict[str, Any], place: list[str], found: Any) -> None:
    node: Any = content
    for name in place[:-1]:
        node = _entry(node, name)
    if isinstance(node, dict) and place[-1] in node:
        node[place[-1]] = _as(node[place[-1]], found)


def _as(old: Any, found: Any) -> Any:
    """In the form of a record's JSON. A CSV holds text alone."""
    if isinstance(found, str) and isinstance(old, int | float):
        with suppress(ValueError):
            return type(old)(found)
        return old
    return to_jsonable_python(found, fallback=str)


def _entry(node: Any, name: str) -> Any:
    if isinstance(node, list):  # of classes, by their ids
        return next((row for row in node if isinstance(row, dict) and str(row.get("id")) == name), None)
    return node.get(name) if isinstance(node, dict) else None

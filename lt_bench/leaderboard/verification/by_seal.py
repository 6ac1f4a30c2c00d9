"""A record against its own seal and its own name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.seal import broken, sealed_fields
from lt_bench.leaderboard.store import record_path
from lt_bench.leaderboard.verification.problem import ABSENT, Problem

STORED = re.compile(r"_seed\d+_[0-9a-f]{12}\.json$")


def by_seal(record: ResultRecord) -> Iterator[Problem]:
    """Fields that were changed after the record was written. What they said before is not known."""
    content = record.model_dump(mode="json")
    if record.seal is None:
        yield Problem("seal", ABSENT, "a record of this version has one")
        return
    values = sealed_fields(content)
    for name in broken(content):
        if name in record.seal:
            yield Problem(name, values.get(name, ABSENT), "changed after the record was sealed")
        else:
            yield Problem(name, values[name], "a field that the seal does not know")


def by_name(path: Path, record: ResultRecord) -> Iterator[Problem]:
    """Whether a stored record lies where its track, loss, seed and identity belong."""
    own, found = record_path(record), PurePosixPath(*path.resolve().parts[-3:])
    if STORED.search(path.name) and own != found:
        yield Problem("file name", str(found), str(own))

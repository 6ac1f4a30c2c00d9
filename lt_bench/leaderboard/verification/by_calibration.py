"""A record's calibration against the config of its run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.verification.problem import ABSENT, Problem, differences

FIELDS = ("name", "non_default", "tuned")


def by_calibration(record: ResultRecord, config: Mapping[str, Any]) -> Iterator[Problem]:
    """What of the calibration the config denies. Raises AttributeError when the config has one that is none."""
    recorded, given = record.calibration, config.get("calibration")
    if recorded is None:
        if given is not None:
            yield Problem("calibration", ABSENT, f"{given.get('name')}, in the config")
        return
    if given is None:
        yield Problem("calibration", recorded.name, ABSENT)
        return
    stated = {field: given.get(field) for field in FIELDS}
    stated["non_default"] = tuple(stated["non_default"] or ())
    own = {field: recorded.model_dump().get(field) for field in stated}
    yield from differences(own, stated, "calibration.")
    theirs = dict(given.get("hyper_parameters") or {})
    for name in sorted({*recorded.hyper_parameters, *theirs}):
        pair = recorded.hyper_parameters.get(name, ABSENT), theirs.get(name, ABSENT)
        yield from differences({name: pair[0]}, {name: pair[1]}, "calibration.hyper_parameters.")

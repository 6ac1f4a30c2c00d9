"""A record's calibration against the config of its run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.verification.problem import ABSENT, Problem, differences

FIELDS = ("name", "hyper_parameters", "non_default", "tuned")


def by_calibration(record: ResultRecord, config: Mapping[str, Any]) -> Iterator[Problem]:
    """What of the calibration the config denies. Raises AttributeError when the config has one that is none."""
    recorded, given = record.calibration, config.get("calibration")
    if recorded is None or given is None:
        for value, place in ((recorded, "recorded"), (given, "config")):
            if value is not None:
                name = value.name if place == "recorded" else str(value.get("name"))
                pair = (name, ABSENT) if place == "recorded" else (ABSENT, f"{name}, in the config")
                yield Problem("calibration", *pair)
        return
    own = recorded.model_dump()
    stated = {field: given.get(field) for field in FIELDS}
    stated["non_default"] = tuple(stated["non_default"] or ())
    parameters = own.pop("hyper_parameters"), dict(stated.pop("hyper_parameters") or {})
    yield from differences({field: own.get(field) for field in stated}, stated, "calibration.")
    for name in sorted({*parameters[0], *parameters[1]}):
        pair = tuple({name: one.get(name, ABSENT)} for one in parameters)
        yield from differences(*pair, "calibration.hyper_parameters.")

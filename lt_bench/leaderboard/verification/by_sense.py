"""A record against itself: fields that say the same thing twice."""

from __future__ import annotations

from collections.abc import Iterator

from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.verification.problem import Problem


def by_sense(record: ResultRecord) -> Iterator[Problem]:
    """Where two fields contradict each other. Either may be the wrong one."""
    memory = "cuda" if record.device.kind == "cuda" else "host"
    if record.memory.kind != memory:
        yield Problem("memory.kind", record.memory.kind, f"{memory}, as device.kind is {record.device.kind}")
    evaluator, _, version = record.evaluator.partition(";")[0].partition(" ")
    installed = record.versions.get(evaluator)
    if installed is not None and installed != version:
        yield Problem("evaluator", record.evaluator, f"{evaluator} {installed}, as versions.{evaluator} says")
    for field, method in (("loss", record.loss), ("calibration", record.calibration)):
        installed = None if method is None else record.versions.get(method.distribution)
        if method is not None and installed is not None and installed != method.distribution_version:
            yield Problem(
                f"{field}.distribution_version",
                method.distribution_version,
                f"{installed}, as versions.{method.distribution} says",
            )

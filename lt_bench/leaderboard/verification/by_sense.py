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
    loss = record.loss
    installed = record.versions.get(loss.distribution)
    if installed is not None and installed != loss.distribution_version:
        yield Problem(
            "loss.distribution_version",
            loss.distribution_version,
            f"{installed}, as versions.{loss.distribution} says",
        )

"""The evidence of a record, if it bears the record out."""

from __future__ import annotations

from pathlib import Path

from lt_bench.leaderboard.schema import ResultRecord


def verified_evidence(path: Path, record: ResultRecord) -> Path | None:
    """The evidence file of the record at `path`; None where there is none, or the record doesn't follow from it."""
    return None

"""The verdicts as a table, and each failure with the case that shows it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from lt_bench.testing.result import Result


def report(title: str, results: Sequence[Result], reproduce: str) -> str:
    """Table and failures of one loss. reproduce: the command for one check, with {check} where its name goes."""
    width = max(len(result.check) for result in results)
    failed = [result for result in results if result.status == "failed"]
    lines = [f"{title}: {_count(results)}"]
    lines += [f"  {result.check:<{width}}  {_MARKS[result.status]:<6}  {result.detail}" for result in results]
    for result in failed:
        lines += ["", f"  {result.check} failed: {result.detail}"]
        if result.case is not None:
            lines += [f"    {line}" for line in result.case.describe()]
        lines.append(f"    again: {reproduce.format(check=result.check)}")
    return "\n".join(lines)


def as_json(results: Iterable[Result]) -> list[dict[str, Any]]:
    return [{**asdict(result), "case": result.case.as_json() if result.case else None} for result in results]


_MARKS = {"passed": "passed", "failed": "FAILED", "not applicable": "n/a"}


def _count(results: Sequence[Result]) -> str:
    counts = ((verdict, sum(result.status == verdict for result in results)) for verdict in _MARKS)
    return ", ".join(f"{count} {verdict}" for verdict, count in counts if count)

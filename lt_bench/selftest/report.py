"""What the checks found, for the terminal, as markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from tabulate import tabulate

from lt_bench.operators import in_use
from lt_bench.run.environment import git_state, processor, versions
from lt_bench.selftest.result import Row
from lt_bench.testing.result import reason
from lt_bench.utils.files import write_atomic

MARKS = {"failed": "FAILED", "passed": "passed", "skipped": "skipped"}
HEADERS = ("check", "verdict", "s", "detail")
ALIGN = ("left", "left", "right", "left")
WIDTH = 88  # characters of a detail in a line of the terminal


def machine(device: torch.device) -> dict[str, Any]:
    """What was checked: device, operators, and the versions of what results depend on."""
    cuda = device.type == "cuda"
    git = git_state()
    try:
        operators = str(in_use())
    except Exception as error:  # the row of the operators fails, and says it too
        operators = reason(error)
    return {
        "device": torch.cuda.get_device_name(device) if cuda else processor(),
        "kind": device.type,
        "devices": torch.cuda.device_count() if cuda else 1,
        "cuda": torch.version.cuda if cuda else None,
        "operators": operators,
        "versions": versions(),
        "git": git and git.model_dump(),
    }


def failing_first(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row.status != "failed")


def headline(about: Mapping[str, Any], rows: Sequence[Row]) -> str:
    counts = ", ".join(f"{count} {status}" for status in MARKS if (count := sum(row.status == status for row in rows)))
    minutes, seconds = divmod(round(sum(row.seconds for row in rows)), 60)
    cuda = f", CUDA {about['cuda']}" if about["cuda"] else ""
    return (
        f"selftest on {about['device']}: {counts} in {minutes}:{seconds:02d}; "
        f"torch {about['versions'].get('torch')}{cuda}, operators: {about['operators']}"
    )


def terminal(about: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """Failing rows first."""
    widths = [None, None, None, WIDTH]
    table = tabulate(_cells(rows), headers=HEADERS, maxcolwidths=widths, colalign=ALIGN, disable_numparse=True)
    return f"{table}\n{headline(about, rows)}"


def markdown(about: Mapping[str, Any], rows: Sequence[Row]) -> str:
    from lt_bench.leaderboard.markdown import escape

    cells = [[escape(str(cell)) for cell in row] for row in _cells(rows)]
    packages = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    table = tabulate(cells, headers=HEADERS, tablefmt="pipe", colalign=ALIGN, disable_numparse=True)
    return f"# Self-test\n\n{escape(headline(about, rows))}\n\n{table}\n\n{escape(packages)}\n"


def _cells(rows: Sequence[Row]) -> list[list[str]]:
    return [[row.check, MARKS[row.status], f"{row.seconds:.1f}", row.detail] for row in failing_first(rows)]


def write(about: Mapping[str, Any], rows: Sequence[Row], json_file: Path, markdown_file: Path) -> None:
    content = {
        **about,
        "passed": all(row.status != "failed" for row in rows),
        "seconds": sum(row.seconds for row in rows),
        "rows": [asdict(row) for row in failing_first(rows)],
    }
    write_atomic(json_file, [json.dumps(content, indent=2).encode()])
    write_atomic(markdown_file, [markdown(about, rows).encode()])

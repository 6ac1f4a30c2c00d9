"""Made-up runs of three losses, and the verb `compare` called on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from made_runs import write_run

from lt_bench.cli import main
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.store import read, record_path, write

RESAMPLES = 200
SKILLS = {"ce": 0.45, "ecm": 0.6, "focal": 0.44}


def compare(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["compare", "--resamples", str(RESAMPLES), *map(str, arguments)])


def as_json(*arguments: object) -> dict[str, Any]:
    done = compare(*arguments, "--json", "-")
    assert done.exit_code == 0, done.output
    content: dict[str, Any] = json.loads(done.stdout)
    return content


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """<loss>/seed_<k>: three seeds of three losses."""
    folder = tmp_path_factory.mktemp("runs")
    for loss, skill in SKILLS.items():
        for seed in range(3):
            write_run(folder / loss / f"seed_{seed}", loss, skill, seed)
    return folder


def records(folder: Path, loss: str) -> list[ResultRecord]:
    return [read(folder / loss / f"seed_{seed}" / "result.json") for seed in range(3)]


def values(folder: Path, loss: str, metric: str) -> list[float]:
    return [getattr(record.metrics.segm, metric) for record in records(folder, loss)]


def differences(content: dict[str, Any]) -> dict[tuple[str, str, str], dict[str, Any]]:
    return {(one["first"], one["second"], one["metric"]): one for one in content["differences"]}


def publish(board: Path, loss: str, seed: int, **fields: Any) -> Path:
    """Put a run onto a board as `leaderboard --add` does."""
    folder = write_run(board / "runs" / f"{loss}_{seed}_{len(fields)}", loss, SKILLS[loss], seed, **fields)
    record = read(folder / "result.json")
    path = board / "results" / record_path(record)
    write(record, path)
    (folder / "evidence.parquet").rename(path.with_suffix(".evidence.parquet"))
    return path


def refusal(*arguments: object) -> str:
    done = compare(*arguments)
    assert done.exit_code == 2, done.output
    assert "Traceback" not in done.output
    return " ".join(done.stderr.split())

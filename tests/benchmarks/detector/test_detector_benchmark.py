"""python -m benchmarks.detector: both sides are measured and compared, and a difference ends it with 1."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from benchmarks.common import OURS, STOCK
from benchmarks.common.command import dump
from benchmarks.detector.__main__ import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of a tiny run of everything but the start-up, which starts several processes."""
    out = tmp_path_factory.mktemp("results")
    options = ("--quick", "--threads", "1", "--tasks", "training,inference,evaluation", "--out", str(out))
    done = CliRunner().invoke(main, options)
    assert done.exit_code == 0, done.output
    return out


@pytest.fixture(scope="module")
def data(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "detector_cpu.json").read_text())
    return found


@pytest.mark.extra
def test_everything_is_measured_and_equal(data: dict[str, Any]) -> None:
    tasks = [(result["task"], result["classes"]) for result in data["results"]]
    assert tasks == [
        ("evaluation", 1203),
        ("training step", 20),
        ("inference, new weights", 20),
        ("inference, few scores", 20),
    ]
    for result in data["results"]:
        for name in (STOCK, OURS):
            assert len(result["seconds"][name]) == 1
            assert all(math.isfinite(value) and value > 0 for value in result["seconds"][name])
            assert result["peak_bytes"][name] > 10_000_000
        if result["task"] != "evaluation":
            assert result["parts"][STOCK].keys() == result["parts"][OURS].keys()
            # Forty million weights, and in training their momentum and gradients.
            assert result["peak_bytes"][OURS] > 4 * 40_000_000 * (3 if result["task"] == "training step" else 1)
    inference = ["bboxes", "scores", "labels", "masks"]
    assert [check["what"] for check in data["checks"]] == [
        *("precision of bbox", "precision of segm", "losses", "gradients", *inference, *inference)
    ]
    assert [check for check in data["checks"] if not check["equal"]] == []


@pytest.mark.extra
def test_page_and_plot_are_written(data: dict[str, Any], folder: Path) -> None:
    assert "| training step" in (folder / "detector_cpu.md").read_text()
    assert (folder / "detector_cpu.png").read_bytes().startswith(b"\x89PNG")
    assert "--quick" in data["command"] and str(folder) not in json.dumps(data)


@pytest.mark.extra
def test_a_difference_ends_with_1(data: dict[str, Any], tmp_path: Path) -> None:
    first, *others = data["checks"]
    saved = tmp_path / "detector_cpu.json"
    saved.write_text(dump({**data, "checks": [{**first, "equal": False}, *others]}))
    done = CliRunner().invoke(main, ["--from", str(saved)])
    assert done.exit_code == 1
    assert "DIFFERENT" in done.output and "differ" in done.output
    assert "DIFFERENT" in saved.with_suffix(".md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tasks", "train"], "there is no task train"),
        (["--amp", "on"], "mixed precision needs a GPU"),
        (["--classes", "many"], "not a list of numbers"),
        pytest.param(
            ["--device", "cuda"], "no GPU", marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
        ),
    ],
)
def test_mistakes_end_with_2(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, [*arguments, "--out", str(tmp_path)])
    assert done.exit_code == 2
    assert message in done.output

"""`lt_bench check`: its exit codes, its table, and that the command that it prints shows the failure again."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import forked, lt_bench

TESTS = Path(__file__).parents[1] / "testing"
PLUGINS = {
    "softmax": "broken_losses:Softmax",
    "half_broken": "broken_losses:BrokenOrder",
    "not_there": "broken_losses:NotThere",
}


@pytest.fixture
def plugins(tmp_path: Path) -> dict[str, str]:
    """The environment of a process that finds PLUGINS installed."""
    folder = tmp_path / "third_party-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: third_party\nVersion: 1.0\n")
    lines = [f"{name} = {target}" for name, target in PLUGINS.items()]
    (folder / "entry_points.txt").write_text("\n".join(["[lt_bench.losses]", *lines]))
    return {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(TESTS)]), "OMP_NUM_THREADS": "1"}


@pytest.mark.slow
def test_a_loss_that_passes_exits_with_0_and_a_table() -> None:
    done = lt_bench("check", "ce", "ecm", "--only", "gradient", "--only", "checkpoint", "--only", "ranks")
    assert done.returncode == 0, done.stderr
    assert "ce: 1 passed, 2 not applicable" in done.stdout
    assert "ecm: 1 passed, 2 not applicable" in done.stdout
    assert "gradient    passed" in done.stdout
    assert done.stderr == ""


@pytest.mark.slow
def test_a_failure_exits_with_1_and_a_command_that_shows_it_again(plugins: dict[str, str]) -> None:
    done = forked("check", "half_broken", "--seed", "3", "--only", "order", "--only", "scores", env=plugins)
    assert done.returncode == 1, done.stderr
    assert "order   FAILED" in done.stdout
    shown = done.stdout[done.stdout.index("order failed:") :]
    for part in ("C = 1 classes", "image counts [1000]", "N = 2 RoIs", "labels [", "seed 3"):
        assert part in shown
    again = shlex.split(shown[shown.index("again: python") :].splitlines()[0])[1:]
    assert again == ["python", "-m", "lt_bench", "check", "half_broken", "--seed", "3", "--only", "order"]
    environment = {**os.environ, **plugins}
    command = (sys.executable, *again[1:])
    repeated = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert repeated.returncode == 1
    assert repeated.stdout[repeated.stdout.index("order failed:") :] == shown


def test_all_lists_a_broken_plugin_as_failed_and_checks_the_others(plugins: dict[str, str]) -> None:
    done = forked("check", "--all", "--only", "arguments", env=plugins)
    assert done.returncode == 1, done.stderr
    assert "not_there: BROKEN: AttributeError" in done.stdout
    for name in ("ce", "ecm", "eql", "eqlv2", "federated", "focal", "seesaw", "softmax", "half_broken"):
        assert f"{name}: 1 passed" in done.stdout


def test_json(plugins: dict[str, str]) -> None:
    done = forked("check", "half_broken", "--only", "order", "--json", env=plugins)
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    (result,) = found["losses"]["half_broken"]["checks"]
    assert (result["check"], result["status"]) == ("order", "failed")
    assert result["case"]["num_classes"] == 1
    assert found["seed"] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no loss is named"),
        (["ce", "--all"], "exclude each other"),
        (["emc"], "did you mean 'ecm'"),
        (["ce", "--only", "gradeint"], "did you mean 'gradient'"),
    ],
)
def test_mistakes_exit_with_2(arguments: list[str], said: str) -> None:
    done = forked("check", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""

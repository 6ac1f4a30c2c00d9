"""`make probe`: which commands it gives, with a stand-in for Python that notes them."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lt_bench.cli import main

ROOT = Path(__file__).resolve().parent.parent
NOTE = """#!/bin/sh
printf '%s\\n' "$*" >> {notes}
case "$*" in *"{failing}"*) exit 1;; esac
"""


def make_probe(folder: Path, *variables: str, failing: str = "nothing") -> tuple[int, list[Mapping[str, Any]]]:
    """The exit code, and the parameters of each command as the command line reads them, with its "verb" among them.

    failing: the command with this in its arguments fails.
    """
    notes, python = folder / "notes", folder / "python"
    python.write_text(NOTE.format(notes=shlex.quote(str(notes)), failing=failing))
    python.chmod(0o755)
    done = subprocess.run(
        ("make", "-f", str(ROOT / "Makefile"), "probe", f"VENV={python}", "PYTHON=true", *variables),
        cwd=folder,
        capture_output=True,
        check=False,
    )
    return done.returncode, [read(shlex.split(line)) for line in notes.read_text().splitlines()]


def read(words: list[str]) -> Mapping[str, Any]:
    module, verb, *arguments = words[1:]
    assert (words[0], module) == ("-m", "lt_bench")
    command = main.get_command(main.make_context("lt_bench", ["--help"], resilient_parsing=True), verb)
    assert command is not None
    return command.make_context(verb, arguments).params | {"verb": verb}


def test_each_command_takes_what_the_one_before_it_wrote(tmp_path: Path) -> None:
    code, (run, features, *probes) = make_probe(tmp_path)
    assert code == 0
    assert (run["verb"], run["loss"], run["dataset"], run["recipe"]) == ("run", "ce", "glyphs-lt", "plain")
    assert (features["verb"], features["detector_of"]) == ("features", run["work_dir"])
    assert features["rois"] * 0.25 > 62  # positive RoIs of an image of glyphs-lt, on average
    assert [one["recipe"] for one in probes] == ["plain", "common"]
    assert {one["loss"] for one in probes} == {"all"} and {one["seeds"] for one in probes} == {"10"}
    assert {one["features"] for one in probes} == {features["out"]}
    assert len({one["work_dir"] for one in probes} | {run["work_dir"]}) == 3
    assert {one["leaderboards"] for one in (run, *probes)} == {None}  # beside the tables of `make run`


def test_its_size_is_set_by_variables(tmp_path: Path) -> None:
    sizes = ["PROBE_DATA=glyphs", "PROBE_ITERS=2", "PROBE_STEPS=7", "PROBE_SEEDS=0,3", "PROBE_DETECTOR=--seed 4"]
    sizes.append("PROBE_ROIS=40")
    _, (run, features, *probes) = make_probe(tmp_path, *sizes)
    assert (run["dataset"], run["max_iters"], run["seed"]) == ("glyphs", 2, 4)
    assert features["rois"] == 40
    assert {(one["steps"], one["seeds"]) for one in probes} == {(7, "0,3")}
    assert "glyphs-lt" not in str([run, features, *probes])


@pytest.mark.parametrize(
    ("failing", "verbs"),
    [
        ("lt_bench features", ["run", "features"]),
        ("all --seeds 10 --steps 2000 --recipe plain", ["run", "features", "probe", "probe"]),
    ],
)
def test_a_failure_fails_the_whole_and_stops_what_needs_it(tmp_path: Path, failing: str, verbs: list[str]) -> None:
    code, commands = make_probe(tmp_path, failing=failing)
    assert code != 0 and [one["verb"] for one in commands] == verbs

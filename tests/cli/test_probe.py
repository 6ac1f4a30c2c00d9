"""`lt_bench probe`: runs, tables, a board, and what fails."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from textwrap import dedent

import numpy as np
import pytest
from click.testing import CliRunner
from command_line import forked
from probe_data import CLASSES, made_features, made_split

from lt_bench.api.registry import load_loss
from lt_bench.cli import main
from lt_bench.cli.probe import _buildable
from lt_bench.features.store import open_features
from lt_bench.probe.choice import choose_losses
from lt_bench.probe.plan import Planner
from lt_bench.probe.settings import Settings

PLUGIN = """
    import torch
    from lt_bench import LongTailLoss

    class Mine(LongTailLoss):
        def __init__(self, stats, mode: str = "nan"):
            super().__init__(stats)
            self.mode = mode

        @property
        def num_logits(self):
            return self.num_classes + 1

        def forward(self, logits, labels):
            print("called")
            if self.mode == "raise":
                raise KeyError("no such thing")
            return logits.sum() * float("nan")

        def scores(self, logits):
            return logits.softmax(dim=1)
"""
Probe = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Features, and a plugin whose loss becomes NaN or raises."""
    folder = tmp_path_factory.mktemp("cli_probe")
    made_features(folder / "features")
    (folder / "mine.py").write_text(dedent(PLUGIN))
    info = folder / "mine-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[lt_bench.losses]\nmine = mine:Mine\n")
    return folder


@pytest.fixture(scope="module")
def probe(folder: Path) -> Probe:
    def call(*arguments: str, verb: str = "probe") -> CompletedProcess[str]:
        path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
        env = {"LT_BENCH_CACHE": str(folder / "cache"), "PYTHONPATH": path}
        own = ("--features", "features", "--steps", "25", "--leaderboards", "boards") if verb == "probe" else ()
        return forked(verb, *own, *arguments, cwd=folder, env=env)

    return call


@pytest.fixture(scope="module")
def done(probe: Probe) -> CompletedProcess[str]:
    return probe("--loss", "ce,mine,seesaw", "--seeds", "2", "--parallel", "2", "--work-dir", "runs")


def test_runs_end_in_a_table_and_failures_are_named(done: CompletedProcess[str]) -> None:
    assert done.returncode == 1, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    for loss in ("ce", "seesaw"):
        row = next(row for row in rows if row[:1] == [loss])
        assert row[2] == "±" and row[-1] == "2" and float(row[1]) > 20
    assert "held-out" not in done.stdout
    assert "failed: 2 of 6 runs\nmine seed 0: the loss became infinite or NaN at or before step 1" in done.stderr
    assert "Traceback" not in done.stderr and "called" not in done.stdout + done.stderr
    assert sum(" seed " in line and ": AP " in line for line in done.stderr.splitlines()) == 4


def test_records_verify_compare_and_stand_on_a_board(done: CompletedProcess[str], probe: Probe, folder: Path) -> None:
    stored = probe("boards/results", verb="verify")
    assert "4 verified, 0 unverified, 0 wrong" in stored.stdout and stored.returncode == 0
    groups = [sorted(str(path) for path in (folder / "runs").glob(f"{loss}_*")) for loss in ("ce", "seesaw")]
    compared = probe(*groups[0], *groups[1], "--resamples", "100", verb="compare")
    assert compared.returncode == 0 and "box AP" in compared.stdout, compared.stderr
    page = (folder / "boards" / "glyphs-lt.md").read_text()
    assert "ecoupled" in page and "features of ce\\_0\\_abcdef01" in page and "seesaw" in page


def test_the_same_command_goes_on(done: CompletedProcess[str], probe: Probe, folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (folder / "runs").glob("*/result.json")}
    again = probe("--loss", "ce,seesaw", "--seeds", "0,1,2", "--parallel", "2", "--work-dir", "runs")
    assert again.returncode == 0, again.stderr
    assert len(list((folder / "runs").glob("*/result.json"))) == 6
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert probe("--loss", "mine", "--loss-set", "mode=raise", "--work-dir", "runs").returncode == 1


def test_a_calibration_is_a_row_of_its_own(done: CompletedProcess[str], probe: Probe, folder: Path) -> None:
    asked = ("--calibrate", "norcal:gamma=0.4", "--calibrate", "fracal", "--seeds", "2", "--work-dir", "runs")
    calibrated = probe("--loss", "ce,focal", "--parallel", "2", *asked)
    assert calibrated.returncode == 2
    assert "NorCal is defined for K = C + 1 logits" in calibrated.stderr and "'focal'" in calibrated.stderr
    calibrated = probe("--loss", "ce", *asked)
    assert calibrated.returncode == 0, calibrated.stderr
    rows = [re.split(r"\s{2,}", line)[0] for line in calibrated.stdout.splitlines()]
    assert [row for row in rows if row.startswith("ce")] == ["ce", "ce + norcal (gamma=0.4)", "ce + fracal"]
    assert "ce + norcal (gamma=0.4) seed 1: AP" in calibrated.stderr
    page = (folder / "boards" / "glyphs-lt.md").read_text()
    assert "ce + norcal (gamma=0.4)" in page and "ce + fracal" in page and "**Calibrated:**" in page
    stored = probe("boards/results", verb="verify")
    assert stored.returncode == 0 and "0 unverified, 0 wrong" in stored.stdout, stored.stdout
    compared = probe("ce", "ce + norcal", "--leaderboards", "boards", "--resamples", "100", verb="compare")
    assert compared.returncode == 0 and "ce + norcal (gamma=0.4)" in compared.stdout, compared.stderr


def test_a_calibration_is_tuned(probe: Probe) -> None:
    done = probe("--loss", "ce", "--calibrate", "norcal", "--tune", "--steps", "3", "--work-dir", "tuned")
    assert done.returncode == 0 and "\nce + norcal (gamma tuned) " in done.stdout, done.stderr
    refused = probe("--loss", "ce", "--tune")
    assert refused.returncode == 2 and "--tune is of calibrations" in refused.stderr


def test_all_losses_without_those_that_a_calibration_is_not_defined_for(probe: Probe) -> None:
    done = probe("--loss", "all", "--calibrate", "norcal", "--steps", "3", "--parallel", "2", "--work-dir", "all")
    for loss in ("ecm", "focal", "seesaw"):
        assert f"left out: {loss} + norcal: NorCal is defined for" in done.stderr
    assert "\nce + norcal " in done.stdout and "ecm + norcal" not in done.stdout


def test_a_grid_ends_in_a_table_and_a_plot(probe: Probe, folder: Path) -> None:
    done = probe("--loss-grid", "seesaw:p=0.2,0.8", "--seeds", "2", "--plot", "grid.png", "--evaluate", "held_out")
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["seesaw:", "p", "AP", "APr", "seeds"] in rows
    assert "recipe common, held-out training images\n" in done.stdout
    assert [row[0] for row in rows if row and row[-1] == "2"] == ["0.2", "0.8"]
    assert (folder / "grid.png").is_file()
    runs = folder / "work_dirs" / "probe" / "ce_0_abcdef01" / "common_held_out"
    added = probe("--folder", "other", "--add", str(runs), verb="leaderboard")
    assert added.returncode == 2 and "held-out training images" in added.stderr, added.stderr
    assert len(list(runs.glob("seesaw_seed*/result.json"))) == 4
    board = folder / "boards" / "results"
    assert not any("held_out" in path.read_text() for path in board.rglob("*.json"))  # held-out images: no board


def test_classes_without_a_positive_roi_are_warned_of(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LT_BENCH_CACHE", str(folder / "cache"))
    monkeypatch.setattr("lt_bench.probe.workers.run_all", lambda *_: [])
    train = made_split(1, 40, 14, True, seed=0)
    lacking = {**train, "labels": np.where(train["labels"] == 0, CLASSES, train["labels"])}
    made_features(tmp_path / "features", epochs=1, held_out=False, train=lacking)
    call = ["probe", "--loss", "ce", "--work-dir", str(tmp_path / "runs"), "--features"]
    done = CliRunner().invoke(main, [*call, str(folder / "features")])
    assert done.exit_code == 0 and "positive RoI" not in done.stderr
    done = CliRunner().invoke(main, [*call, str(tmp_path / "features")])
    assert done.exit_code == 0 and "1 of 6 classes have no positive RoI" in done.stderr and "class 0;" in done.stderr


class Unbuildable(Exception):
    pass


def test_of_all_losses_those_that_cant_be_built_are_left_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LT_BENCH_CACHE", str(folder / "cache"))

    def fail(self: object, *arguments: object, **keywords: object) -> None:
        raise Unbuildable("not for these classes")

    monkeypatch.setattr(load_loss("eqlv2"), "__init__", fail)
    planner = Planner(open_features(folder / "features"), Settings())
    names = [one.loss for one in _buildable(choose_losses("all", {}), planner)]
    assert {"ce", "seesaw"} <= set(names) and "eqlv2" not in names
    assert "left out: the loss 'eqlv2' can't be built: not for these classes" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--loss", "ce", "--loss-grid", "seesaw:p=1"), "either --loss or --loss-grid"),
        ((), "either --loss or --loss-grid"),
        (("--loss", "ce", "--plot", "x.png"), "--plot is of a grid"),
        (("--loss-grid", "seesaw:p=1", "--plot", "x.txt"), "a figure can't be written"),
        (("--loss", "ce", "--seeds", "0"), "asks for no run"),
        (("--loss", "ce", "--rate", "nan"), "nan is not a finite number"),
        (("--loss", "ce", "--rate", "inf"), "inf is not a finite number"),
        (("--loss", "ce", "--clip", "nan"), "nan is not a finite number"),
        (("--loss", "ce", "--clip", "inf"), "inf is not a finite number"),
        (("--loss", "ce", "--recipe", "paper"), "no recipe 'paper'"),
        (("--loss", "ce", "--device", "cuda"), "needs a GPU"),
        (("--loss", "ce", "--masks", "no_run"), "--masks no_run: there is no such run"),
        (("--loss-grid", "federated:num_sample_cats=auto,1"), "two values are the same"),
    ],
)
def test_mistakes_show_before_anything_is_trained(
    arguments: tuple[str, ...], said: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LT_BENCH_CACHE", str(folder / "cache"))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(main, ["probe", "--features", "features", "--work-dir", "none", *arguments])
    assert done.exit_code == 2 and said in done.output
    assert not (folder / "none").exists()


def test_a_folder_without_features_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))
    done = CliRunner().invoke(main, ["probe", "--features", str(tmp_path), "--loss", "ce"])
    assert done.exit_code == 2 and "holds no features" in done.output

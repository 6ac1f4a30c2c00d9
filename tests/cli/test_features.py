"""`lt_bench features`: what it says, and what it refuses in words."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lt_bench.cli import main


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["features", *map(str, arguments)])


def test_what_is_neither_run_nor_checkpoint(tmp_path: Path) -> None:
    done = call(tmp_path / "nothing", "--out", tmp_path / "out")
    assert done.exit_code == 2 and "does not exist" in done.stderr
    done = call(tmp_path, "--out", tmp_path / "out")
    assert done.exit_code == 2 and "run.json" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_run_says_itself_what_it_is(tmp_path: Path) -> None:
    done = call(tmp_path, "--out", tmp_path / "out", "--backbone", "r50", "--dataset", "lvis_v1")
    assert done.exit_code == 2 and "--dataset, --backbone" in done.stderr


@pytest.mark.parametrize("name", ["manifest.json", "progress.json"])
def test_a_folder_of_features_is_no_detector(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("{}")
    done = call(tmp_path, "--out", tmp_path / "out")
    assert done.exit_code == 2 and "holds features, not a detector" in done.stderr


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM])
def test_sigterm_ends_it_as_ctrl_c_does(
    ended_by: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unheard(*_: object) -> None:
        raise RuntimeError("nobody listens")  # otherwise the tests would end here

    before = signal.signal(signal.SIGTERM, unheard)
    try:
        monkeypatch.setattr("lt_bench.features.source.of_run", lambda _: os.kill(os.getpid(), ended_by))
        done = call(tmp_path, "--out", tmp_path / "out")
        assert signal.getsignal(signal.SIGTERM) is unheard
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (done.exit_code, done.stdout.strip(), done.stderr.strip()) == (1, "", "Aborted!")


@pytest.mark.parametrize(
    "option", [("--held-out", "1"), ("--held-out", "nan"), ("--rois", "0"), ("--precision", "float8")]
)
def test_options_out_of_range(option: tuple[str, str], tmp_path: Path) -> None:
    assert call(tmp_path, "--out", tmp_path / "out", *option).exit_code == 2

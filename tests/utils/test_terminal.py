"""Paths as people write them, and progress that is drawn on a terminal only."""

from __future__ import annotations

from pathlib import Path

import pytest

from lt_bench.utils.terminal import progress, shown


def test_paths_are_relative_to_where_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home" / "here").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "home" / "here")
    assert shown(Path("work/run.json")) == "work/run.json"
    assert shown(tmp_path / "home" / "here" / "run.json") == "run.json"
    assert shown(Path("../data")) == "~/data"
    assert shown(tmp_path / "other") == str(tmp_path / "other")


def test_nothing_is_drawn_where_there_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with progress("reading") as report:
        report(1, 2)
    assert capfd.readouterr() == ("", "")


def test_progress_is_drawn_on_a_terminal(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes the stream for a terminal
    with progress("reading") as report:
        report(1, 2)
    out, err = capfd.readouterr()
    assert out == "" and "reading" in err and "50%" in err

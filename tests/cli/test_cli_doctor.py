"""The verb `doctor`."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from command_line import lt_bench

from lt_bench.cli import main
from lt_bench.run import doctor
from lt_bench.run.doctor import Finding


@pytest.mark.slow
def test_doctor_names_what_is_there() -> None:
    done = lt_bench("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    for what in ("python", "torch", "operators", "opencv", "gpu", "data", "weights r50", "losses"):
        assert what in done.stdout


@pytest.mark.parametrize(("needed", "code", "mark"), [(True, 1, "MISSING"), (False, 0, "absent")])
def test_only_what_is_needed_fails(monkeypatch: pytest.MonkeyPatch, needed: bool, code: int, mark: str) -> None:
    asked: list[tuple[Path | None, bool]] = []
    found = [Finding("python", "3.11"), Finding("weights", "not here", False, needed=needed, remedy="get\nthem")]

    def examine(data_root: Path | None, fix: bool) -> list[Finding]:
        asked.append((data_root, fix))
        return found

    monkeypatch.setattr(doctor, "examine", examine)
    done = CliRunner().invoke(main, ["doctor", "--data-root", "there", "--look-only"])
    assert done.exit_code == code
    assert asked == [(Path("there"), False)]
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines == [["ok", "python", "3.11"], [mark, "weights", "not", "here"], ["->", "get"], ["them"]]

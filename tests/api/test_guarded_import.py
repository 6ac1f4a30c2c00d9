"""A plugin whose import hangs, ends the process or prints: it is named, and harms neither the command nor others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import forked
from made_plugin import make_plugin

from lt_bench.api.guarded_import import guarded_import
from lt_bench.errors import PluginError

LEAVES = "import os\nos._exit(0)"
HANGS = "import time\ntry:\n    time.sleep(100)\nexcept Exception:\n    pass"


def listed(site: Path) -> subprocess.CompletedProcess[str]:
    return forked("losses", cwd=site, env={"PYTHONPATH": str(site)})


def test_a_plugin_that_ends_the_process_is_named_and_harms_no_other(tmp_path: Path) -> None:
    done = listed(make_plugin(tmp_path / "site", at_import=LEAVES))
    assert "its import calls os._exit(0)" in done.stdout + done.stderr
    assert "seesaw" in done.stdout


def test_what_a_plugin_prints_is_no_output_of_the_command(tmp_path: Path) -> None:
    done = listed(make_plugin(tmp_path / "site", at_import="print('surprise')"))
    assert done.returncode == 0
    assert "surprise" in done.stderr and "surprise" not in done.stdout
    assert "mine" in done.stdout


def test_an_import_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(make_plugin(tmp_path / "site", at_import=HANGS, name="hangs_at_import")))
    handler = signal.getsignal(signal.SIGALRM)
    with pytest.raises(PluginError, match=r"takes longer than 0\.2 s"), guarded_import(0.2):
        __import__("hangs_at_import")
    assert signal.getsignal(signal.SIGALRM) is handler
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert "hangs_at_import" not in sys.modules


def test_nothing_stays_guarded(capsys: pytest.CaptureFixture[str]) -> None:
    leave = os._exit
    with guarded_import(0.05):
        assert os._exit is not leave
        print("within")
    time.sleep(0.1)
    assert os._exit is leave
    print("after")
    assert capsys.readouterr() == ("after\n", "within\n")


def test_another_timer_goes_on() -> None:
    before = signal.signal(signal.SIGALRM, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 1000)
    try:
        with guarded_import(0.05):
            pass
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 900
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

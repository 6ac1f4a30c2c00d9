"""Where a run took place, against what the tools themselves say."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from lt_bench.run import environment


def test_versions_are_those_installed() -> None:
    found = environment.versions()
    assert found["python"] == platform.python_version()
    assert (found["torch"], found["mmdet"]) == (version("torch"), version("onedl-mmdetection"))


def test_the_commit_is_gits(monkeypatch: pytest.MonkeyPatch) -> None:
    state = environment.git_state()
    if state is None:
        pytest.skip("the package does not run from a checkout")
    git = ("git", "-C", Path(__file__).parent, "rev-parse", "HEAD")
    done = subprocess.run(git, capture_output=True, text=True, check=True)
    assert state.commit == done.stdout.strip()
    monkeypatch.setenv("PATH", "")
    assert environment.git_state() is None


def test_the_processor_names_its_cores() -> None:
    assert environment.processor().endswith(f" ({os.cpu_count()} cores)")

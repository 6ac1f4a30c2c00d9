"""The command line in a process of its own: what it says, and what is raised when it fails or hangs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lt_bench.selftest import command
from lt_bench.selftest.result import CheckContext
from lt_bench.testing.result import Wrong


@pytest.fixture
def context(tmp_path: Path) -> CheckContext:
    return CheckContext(torch.device("cpu"), tmp_path)


def test_what_it_said_is_returned(context: CheckContext) -> None:
    assert "selftest" in command.lt_bench(context, "--help")


def test_its_last_words_are_those_of_the_failure(context: CheckContext) -> None:
    with pytest.raises(Wrong, match=r"lt_bench eval fails with exit code 2: .*nothing\.json"):
        command.lt_bench(context, "eval", "nothing.json")


def test_a_process_that_hangs_is_a_failure(context: CheckContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "SECONDS", 0.01)
    with pytest.raises(Wrong, match=r"does not come to an end in 0\.01 s"):
        command.lt_bench(context, "--help")

"""`lt_bench losses` lists the installed losses."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from command_line import lt_bench

from lt_bench.api import registry
from lt_bench.api.registry import LossInfo
from lt_bench.cli import main


def test_losses_lists_every_built_in_loss() -> None:
    done = lt_bench("losses")
    assert done.returncode == 0
    for name in ("ce", "ecm", "eql", "eqlv2", "federated", "focal", "seesaw"):
        assert f"{name}  (lt_bench" in done.stdout
    assert "fg_bg_ratio=6.3313" in done.stdout


def test_each_loss_has_its_paper_and_hyper_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    infos = [LossInfo("good", "a", "1", "Paper", {"x": 1}), LossInfo("bad", "b", "2", problem="it is broken")]
    monkeypatch.setattr(registry, "list_losses", lambda load: infos)
    expected = "good  (a 1)\n  Paper\n  hyper-parameters: x=1\nbad  (b 2)\n  BROKEN: it is broken\n"
    listed, checked = (CliRunner().invoke(main, ["losses", *options]) for options in ([], ["--check"]))
    assert (listed.exit_code, listed.stdout) == (0, expected)
    assert (checked.exit_code, checked.stdout) == (1, expected)
    unknown = CliRunner().invoke(main, ["losses", "shwo"])
    assert unknown.exit_code == 2
    assert "did you mean 'show'" in unknown.stderr

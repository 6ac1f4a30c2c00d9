"""`python -m lt_bench.operators` installs what the environment asks for."""

from __future__ import annotations

import runpy

import pytest

from lt_bench.errors import UserError
from lt_bench.operators import install


def test_the_choice_is_installed_and_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LT_BENCH_OPERATORS", "torchvision")
    monkeypatch.setattr(install, "install", lambda chosen: f"asked for {chosen}")
    runpy.run_module("lt_bench.operators", run_name="__main__")
    assert capsys.readouterr().out == "asked for torchvision\n"


def test_a_mistake_is_an_error_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(chosen: str) -> str:
        assert chosen == ""
        raise UserError("no operators here")

    monkeypatch.delenv("LT_BENCH_OPERATORS", raising=False)
    monkeypatch.setattr(install, "install", refuse)
    with pytest.raises(SystemExit, match="error: no operators here"):
        runpy.run_module("lt_bench.operators", run_name="__main__")

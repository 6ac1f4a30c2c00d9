"""What --loss, --loss-set and --loss-grid ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from lt_bench.errors import PluginError, UserError
from lt_bench.probe.choice import Choice, choose_losses, parse_grid

BUILT_IN = ["ce", "ecm", "eql", "eqlv2", "federated", "focal", "seesaw"]


def test_names_with_commas() -> None:
    assert [one.loss for one in choose_losses("seesaw, ce", {})] == ["seesaw", "ce"]
    assert choose_losses("seesaw", {"p": 0.5}) == [Choice("seesaw", "seesaw", {"p": 0.5})]


def test_all_are_those_that_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    info = tmp_path / "broken-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[lt_bench.losses]\nnot_there = no_such_module:Loss\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    names = [one.loss for one in choose_losses("all", {})]
    assert set(BUILT_IN) <= set(names) and "not_there" not in names
    assert "left out: the loss 'not_there' of broken" in caplog.text


@pytest.mark.parametrize(
    ("text", "given", "said"),
    [("ce,ce", {}, "given twice"), ("ce,seesaw", {"p": 1}, "of one loss"), ("all", {"p": 1}, "of one loss")],
)
def test_mistakes(text: str, given: dict[str, int], said: str) -> None:
    with pytest.raises(UserError, match=said):
        choose_losses(text, given)
    with pytest.raises(PluginError, match="no loss 'cee'"):
        choose_losses("cee", {})


def test_a_grid() -> None:
    grid = parse_grid("seesaw:p=0.2, 0.5,1")
    assert (grid.loss, grid.name, grid.values) == ("seesaw", "p", (0.2, 0.5, 1))
    assert grid.choices({"q": 3.0})[1] == Choice("seesaw", 0.5, {"q": 3.0, "p": 0.5})
    with pytest.raises(UserError, match="both set p"):
        grid.choices({"p": 3.0})


@pytest.mark.parametrize(
    "text", ["seesaw", "seesaw:p", "seesaw:p=", "seesaw:=1", ":p=1", "seesaw:p=1,,2", "seesaw:p=1,1", "seesaw:p=1,1.0"]
)
def test_what_is_no_grid(text: str) -> None:
    with pytest.raises(UserError, match="--loss-grid"):
        parse_grid(text)

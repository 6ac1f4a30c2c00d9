"""What --calibrate says, and calibrations that are found by entry point."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from lt_bench.api.calibration import Base
from lt_bench.api.calibrations import Asked, build_calibration, list_calibrations, parse_calibrations
from lt_bench.api.class_stats import ClassStats
from lt_bench.errors import PluginError, UserError

BUILT_IN = ["fracal", "logit_adjustment", "norcal", "tau_norm"]
STATS = ClassStats([5, 50, 500], [6, 70, 900], 600)
BASE = Base("ce", "softmax", STATS, (1.0, 1.5, 2.0))


def test_the_built_in_ones_are_found_and_source_and_import_tell_the_same() -> None:
    found = {info.name: info for info in list_calibrations()}
    assert [name for name in found if name in BUILT_IN] == BUILT_IN
    assert list_calibrations() == list_calibrations(load=True)
    assert found["norcal"].hyper_parameters == {"gamma": 0.6, "method": "gamma", "with_": "exps", "renorm": True}
    assert "NeurIPS 2021" in found["norcal"].paper
    for name in BUILT_IN:
        assert build_calibration(Asked(name), BASE).num_classes == 3


def test_what_is_asked_for() -> None:
    assert parse_calibrations(["norcal", "norcal:gamma=0.4, with=probs,renorm=false", "fracal:variant=raw_obj"]) == [
        Asked("norcal"),
        Asked("norcal", {"gamma": 0.4, "with_": "probs", "renorm": False}),
        Asked("fracal", {"variant": "raw_obj"}),
    ]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([""], "is not NAME"),
        (["norcal:"], "is not NAME"),
        (["norcal:gamma"], "is not NAME"),
        (["norcal:gamma=0.1,gamma=0.2"], "gamma is given twice"),
        (["norcal:with=probs,with_=exps"], "with_ is given twice"),
        (["norcal", "norcal:gamma=0.6"], "norcal:gamma=0.6 is given twice"),
        (["norcal:gama=0.1"], "no hyper-parameter 'gama'"),
        (["norcal:gamma=much"], "gamma is 'much', expected float or int"),
        (["norcal:gamma=auto"], "no rule for auto"),
        (["norcall"], "there is no calibration 'norcall'"),
    ],
)
def test_what_can_not_be_asked_for(texts: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_calibrations(texts)


def test_a_value_that_the_calibration_refuses_is_the_user_s_mistake() -> None:
    with pytest.raises(UserError, match=r"'norcal' can't be built: NorCal: gamma is -1") as caught:
        build_calibration(Asked("norcal", {"gamma": -1}), BASE)
    assert caught.value.remedy == "fix --calibrate norcal:gamma=-1"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("from lt_bench import Calibration\nclass Mine(Calibration):\n    pass\n", "does not define scores"),
        ("class Mine:\n    pass\n", "no subclass of lt_bench.Calibration"),
        ("raise RuntimeError('no licence')\n", "no licence"),
    ],
)
def test_a_broken_plugin_harms_no_other(
    source: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine_module.py").write_text(source)
    info = tmp_path / "lt_mine-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lt-mine\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[lt_bench.calibrations]\nmine = mine_module:Mine\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        assert reason in str(next(one for one in list_calibrations() if one.name == "mine").problem)
        with pytest.raises(PluginError, match=r"calibration 'mine' of lt-mine can't be used") as caught:
            parse_calibrations(["mine"])
        assert "lt_bench calibrations" in caught.value.remedy
        assert parse_calibrations(["norcal"])
    finally:
        sys.modules.pop("mine_module", None)


def test_the_example_of_the_documentation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "calibrations.md").read_text(encoding="utf-8")
    (tmp_path / "sharper.py").write_text(page.partition("```python\n")[2].partition("```")[0])
    info = tmp_path / "lt_sharper-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lt-sharper\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[lt_bench.calibrations]\nsharper = sharper:Sharper\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        (asked,) = parse_calibrations(["sharper:temperature=0.25"])
        logits = torch.tensor([[0.5, 0.0, -0.5, 0.25]])
        torch.testing.assert_close(build_calibration(asked, BASE).scores(logits), (4 * logits).softmax(dim=1))
    finally:
        sys.modules.pop("sharper", None)

"""`lt_bench selftest`: what is broken is named first, and mistakes are explained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from lt_bench.losses import ecm

from lt_bench.cli import main


def selftest(out: Path, *only: str, device: str = "cpu") -> Result:
    arguments = [part for name in only for part in ("--only", name)]
    return CliRunner().invoke(main, ["selftest", "--device", device, "--out", str(out), *arguments])


@pytest.mark.slow
def test_what_is_right_passes(tmp_path: Path) -> None:
    done = selftest(tmp_path, "operators", "loss ecm", "loss ecm, AMP", "mask predictor")
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "selftest_cpu.json").read_text())
    expected = "operators; nms; roi_align float32; roi_align float16; loss ecm; loss ecm, AMP; mask predictor"
    assert [row["check"] for row in found["rows"]] == expected.split("; ")
    assert {row["status"] for row in found["rows"]} == {"passed"}
    assert found["passed"] and found["versions"]["torch"] == torch.__version__


def test_what_is_broken_is_named_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = ecm.ECM.forward
    monkeypatch.setattr(ecm.ECM, "forward", lambda *given: 1.001 * right(*given))
    done = selftest(tmp_path, "loss ce", "loss ecm", "loss focal")
    assert done.exit_code == 1, done.output
    rows = [line.split() for line in done.stdout.splitlines()[2:]]
    assert rows[0][:3] == ["loss", "ecm", "FAILED"]
    assert "the value is 1.0e-03 off the official implementation" in done.stdout
    assert ["loss", "ce", "passed"] in [row[:3] for row in rows]  # the others go on
    found = json.loads((tmp_path / "selftest_cpu.json").read_text())
    assert not found["passed"]
    assert found["rows"][0]["check"] == "loss ecm"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    done = selftest(tmp_path / "out", device="cuda")
    assert done.exit_code == 2
    assert "--device cuda: torch" in done.stderr and "docs/gpu.md" in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_unknown_check_is_a_mistake(tmp_path: Path) -> None:
    done = selftest(tmp_path, "loss emc")
    assert done.exit_code == 2
    assert "did you mean 'loss ecm'" in done.stderr


def test_a_folder_that_is_none_shows_before_the_minutes(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = selftest(tmp_path / "file")
    assert done.exit_code == 2
    assert "can't be written" in done.stderr
    assert "passed" not in done.output

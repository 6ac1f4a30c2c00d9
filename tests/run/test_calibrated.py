"""Calibrations of a trained detector: one pass, the formula's predictions, records that verify."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import forked
from lt_bench.losses.ce import CrossEntropy
from run_fixtures import command, run, without_lvis

from lt_bench.api.calibrations import parse_calibrations
from lt_bench.leaderboard.dumped_config import read_config
from lt_bench.leaderboard.fingerprint import box_heads
from lt_bench.leaderboard.store import read
from lt_bench.run import train
from lt_bench.run.calibrated import calibrated_in

ASKED = ("norcal:gamma=0.5", "tau_norm:tau=1.0", "fracal")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of two iterations of ce with a linear classifier in work/, and its checkpoint evaluated."""
    cwd = tmp_path_factory.mktemp("calibrated")
    run(cwd, "ce", "--max-iters", "2", "--recipe", "plain", "--work-dir", "work", "--leaderboards", "boards")
    return cwd


@pytest.fixture(scope="module")
def evaluated(trained: Path) -> Any:
    """What is said of the checkpoint with all calibrations, which lie in work/eval."""
    options = [word for text in ASKED for word in ("--calibrate", text)]
    done = forked("eval", "work/iter_2.pth", *options, cwd=trained, env=without_lvis(trained))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def rows_of(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "predictions.json").read_bytes())
    return sorted(found, key=lambda row: (row["image_id"], -row["score"], row["category_id"], row["bbox"]))


def folder_of(trained: Path, name: str) -> Path:
    (folder,) = (trained / "work" / "eval").glob(f"{name}_*")
    return folder


@pytest.mark.extra
def test_a_row_each_and_records_that_verify_and_stand_on_a_board(trained: Path, evaluated: str) -> None:
    lines = [line.split("  ")[0] for line in evaluated.splitlines()]
    for label in ("ce", "ce + norcal (gamma=0.5)", "ce + tau_norm (tau=1.0)", "ce + fracal"):
        assert lines.count(label) == 2, evaluated  # boxes, masks
    verified = forked("verify", "work/eval", cwd=trained, env=without_lvis(trained))
    assert "3 verified, 0 unverified, 0 wrong" in verified.stdout, verified.stdout
    own, calibrated = (read(path / "result.json") for path in (trained / "work", folder_of(trained, "norcal")))
    assert calibrated.calibration is not None and calibrated.calibration.hyper_parameters["gamma"] == 0.5
    assert (calibrated.loss, calibrated.fingerprint, calibrated.seed) == (own.loss, own.fingerprint, own.seed)
    assert calibrated.training_seconds == own.training_seconds and calibrated.kinds == own.kinds
    added = forked("leaderboard", "--folder", "boards", "--add", "work/eval", cwd=trained, env=without_lvis(trained))
    assert added.returncode == 0, added.stdout + added.stderr
    page = (trained / "boards" / "glyphs.md").read_text(encoding="utf-8")
    assert "ce + norcal (gamma=0.5)" in page and "ce + fracal" in page and "**Calibrated:**" in page


@pytest.mark.extra
def test_the_detector_s_own_predictions_stay_as_they_were(trained: Path, evaluated: str) -> None:
    assert (trained / "work/eval/predictions.json").read_bytes() == (trained / "work/predictions.json").read_bytes()


@pytest.mark.extra
def test_predictions_are_those_of_the_formula_in_one_pass(
    trained: Path, evaluated: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A detector whose loss has the formula for its scores predicts the same, and the images pass it once for all."""
    from mmdet.models.backbones import ResNet

    config, checkpoint = trained / "work" / "config.py", trained / "work" / "iter_2.pth"
    images = torch.tensor(box_heads(read_config(config))[0]["loss_cls"]["image_count"]).double()

    def norcal(loss: CrossEntropy, logits: torch.Tensor) -> torch.Tensor:
        factor = torch.cat([images**-0.5, torch.ones(1)])
        weighted = factor * logits.double().exp()
        return (weighted / weighted.sum(dim=1, keepdim=True)).float()

    passes, forward = [], ResNet.forward

    def counted(self: ResNet, x: torch.Tensor) -> Any:
        passes.append(len(x))
        return forward(self, x)

    monkeypatch.setattr(ResNet, "forward", counted)
    with monkeypatch.context() as patch:
        patch.setattr(CrossEntropy, "scores", norcal)
        train.predict(config, checkpoint, tmp_path / "formula")
    once = sum(passes)
    asked = calibrated_in(tmp_path / "again", parse_calibrations(ASKED))
    train.predict(config, checkpoint, tmp_path / "again", calibrations=asked)
    assert sum(passes) == 2 * once
    expected, found = rows_of(tmp_path / "formula"), rows_of(folder_of(trained, "norcal"))
    assert len(expected) == len(found) > 0
    for one, other in zip(expected, found, strict=True):
        assert one["image_id"] == other["image_id"] and one["category_id"] == other["category_id"]
        assert math.isclose(one["score"], other["score"], rel_tol=1e-4)
        assert one["bbox"] == pytest.approx(other["bbox"], abs=1e-3)
        assert one["segmentation"]["size"] == other["segmentation"]["size"]
    assert rows_of(asked[0].folder) == found


@pytest.mark.extra
def test_a_finished_run_is_calibrated_without_training_again(trained: Path) -> None:
    before = (trained / "work" / "result.json").read_bytes()
    words = ("ce", "--max-iters", "2", "--recipe", "plain", "--work-dir", "work", "--leaderboards", "both")
    said = run(trained, *words, "--calibrate", "norcal:gamma=0.5", "--calibrate", "logit_adjustment").stderr
    assert "this run is finished" in said and "calibrating: norcal, logit_adjustment" in said
    assert (trained / "work" / "result.json").read_bytes() == before
    page = (trained / "both" / "glyphs.md").read_text(encoding="utf-8")
    assert "ce + norcal (gamma=0.5)" in page and "ce + logit\\_adjustment" in page
    verified = forked("verify", "both/results", "work/calibrated", cwd=trained, env=without_lvis(trained))
    assert "5 verified, 0 unverified, 0 wrong" in verified.stdout, verified.stdout
    again = run(trained, *words, "--calibrate", "norcal:gamma=0.5").stderr
    assert "calibrating" not in again


@pytest.mark.slow
def test_what_is_not_defined_is_refused_before_training(tmp_path: Path) -> None:
    for words, message in (
        (("seesaw", "--calibrate", "norcal"), "'seesaw' are of another form"),
        (("ce", "--calibrate", "tau_norm"), "this one is a NormedLinear"),
        (("ce", "--calibrate", "norcal:gamma=-1"), "gamma is -1"),
    ):
        done = forked(*command(words[0], *words[1:], "--work-dir", "work"), cwd=tmp_path, env=without_lvis(tmp_path))
        assert done.returncode == 2 and message in done.stderr, done.stderr
        assert not (tmp_path / "work" / "config.py").exists()

"""Decoupled training: a part of a trained detector is trained, and all else stays as it was, bit for bit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import forked, small_model
from experiments import resolved
from torch import Tensor

from lt_bench.detector.partly_trained import weights_of
from lt_bench.errors import UserError
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.store import read
from lt_bench.run.experiment import Experiment
from lt_bench.utils.files import sha256_of

TRAINED = {
    "classifier": r"roi_head\.bbox_head\.(fc_cls|loss_cls)\.",
    "heads": r"roi_head\.bbox_head\.(fc_cls|fc_reg|loss_cls)\.|roi_head\.mask_head\.|rpn_head\.",
}
BACKBONE_NORM = ("--set", "model.backbone.norm_eval=False")  # its BatchNorm would move if it were trained
COMMON = ("--dataset", "glyphs", "--max-iters", "4", "--leaderboards", "boards", *small_model(), *BACKBONE_NORM)


def run(cwd: Path, *arguments: str, code: int = 0) -> str:
    done = forked("run", *arguments, *COMMON, cwd=cwd)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def tensors(checkpoint: Path) -> dict[str, Tensor]:
    return weights_of(str(checkpoint))


def changed(first: Path, second: Path) -> set[str]:
    before, after = tensors(first), tensors(second)
    return {name for name in after if name not in before or not torch.equal(before[name], after[name])}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a detector in one/, trained with ce."""
    root = tmp_path_factory.mktemp("stages")
    run(root, "--loss", "ce", "--work-dir", "one")
    return root


@pytest.mark.extra
@pytest.mark.slow
def test_the_classifier_alone_is_trained(first: Path) -> None:
    said = run(first, "--loss", "ce", "--stage2-from", "one", "--work-dir", "two")
    assert "2 of 2 trained tensors start from the checkpoint" in said
    found = changed(first / "one" / "iter_4.pth", first / "two" / "iter_4.pth")
    assert found == {"roi_head.bbox_head.fc_cls.weight", "roi_head.bbox_head.fc_cls.bias"}
    record: ResultRecord = read(first / "two" / "result.json")
    assert (record.track.schedule, record.init.kind) == ("1x, classifier alone", "pretrained")
    digest = sha256_of(first / "one" / "iter_4.pth")[:8]
    assert f"stage2: iter_4.pth (sha256 {digest}); classifier alone trained" in record.init.description
    assert record.fingerprint != read(first / "one" / "result.json").fingerprint
    assert "verified" in forked("verify", "two", cwd=first).stdout
    page = (first / "boards" / "glyphs.md").read_text(encoding="utf-8")
    assert "mask\\_rcnn r50 1x, classifier alone, recipe common" in page


@pytest.mark.extra
@pytest.mark.slow
@pytest.mark.parametrize("part", TRAINED)
def test_all_else_stays_and_the_part_moves(first: Path, part: str) -> None:
    """With another number of channels the classifier begins anew."""
    said = run(first, "--loss", "seesaw", "--stage2-from", "one/iter_4.pth", "--train", part, "--work-dir", part)
    assert "trained tensors start from the checkpoint" in said
    found = changed(first / "one" / "iter_4.pth", first / part / "iter_4.pth")
    names = set(tensors(first / part / "iter_4.pth"))
    trained = {name for name in names if re.match(TRAINED[part], name)}
    assert found <= trained
    weights = {name for name in trained if name.endswith(("weight", "bias"))}
    assert {name for name in weights if "loss_cls" not in name} <= found


@pytest.mark.extra
@pytest.mark.slow
def test_another_detector_is_refused(first: Path) -> None:
    wider = ("--loss", "ce", "--stage2-from", "one", "--set", "model.roi_head.mask_head.num_convs=5")
    said = run(first, *wider, code=2)
    assert "--train classifier leaves as it is" in said and "choose detector, backbone, data and recipe" in said
    said = run(first, "--loss", "ce", "--stage2-from", "one", "--recipe", "plain", code=2)
    assert "NormedConv2d" in said and "choose the recipe that it was trained with" in said


def test_mistakes_are_told_before_anything_is_computed(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.pth").write_text("no checkpoint")
    for words, what in (
        (("--train", "heads"), "needs --stage2-from"),
        (("--stage2-from", "nowhere"), "nowhere does not exist"),
        (("--stage2-from", "empty"), "empty"),
        (("--stage2-from", "text.pth"), "can't be loaded"),
        (("--stage2-from", "text.pth", "--init", "random"), "--init is given with --stage2-from"),
    ):
        assert what in run(tmp_path, "--loss", "ce", *words, code=2), words
    assert not (tmp_path / "work_dirs").exists()


@pytest.mark.parametrize(
    ("loss", "part", "epochs", "milestones"),
    [("bags", "classifier", 12, [8, 11]), ("acsl", "classifier", 12, [8, 11]), ("loce", "heads", 6, [3, 5])],
)
def test_papers_have_lengths_of_their_own(
    tmp_path: Path, loss: str, part: str, epochs: int, milestones: list[int]
) -> None:
    """Those of the authors' configs (BAGS, ACSL, LOCE on GitHub), whatever --schedule says."""
    given: dict[str, Any] = {"loss": loss, "recipe": "paper", "schedule": "2x", "stage2_from": "ce.pth"}
    cfg, _ = resolved(tmp_path, **given, trained=part)
    assert (cfg.train_cfg.max_epochs, cfg.param_scheduler[1].milestones) == (epochs, milestones)
    other = "heads" if part == "classifier" else "classifier"
    assert resolved(tmp_path, **given, trained=other)[0].train_cfg.max_epochs == 24


def test_a_second_stage_is_another_experiment() -> None:
    plain = Experiment("ce")
    first, second = (Experiment("ce", stage2_from="a.pth", trained=part) for part in ("classifier", "heads"))
    assert len({one.digest() for one in (plain, first, second)}) == 3
    with pytest.raises(UserError, match="belong together"):
        Experiment("ce", stage2_from="a.pth")
    with pytest.raises(UserError, match="part to train"):
        Experiment("ce", stage2_from="a.pth", trained="neck")

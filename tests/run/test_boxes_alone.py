"""Data without masks: a detector of boxes alone is trained, evaluated, verified and tabled; another one refuses it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from coco_form import small_set, write_set
from command_line import forked, small_model
from experiments import resolved
from PIL import Image

from lt_bench.errors import UserError
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.store import read
from lt_bench.leaderboard.verification.by_config import by_config
from lt_bench.run.experiment import Experiment
from lt_bench.run.overrides import refuse_contradictions

FASTER = ("--detector", "faster_rcnn", *small_model(masks=False))
TINY = (
    *("--max-iters", "2", "--init", "random", "--set", "train_dataloader.dataset.dataset.pipeline.2.scales=[(64, 64)]"),
    *("--set", "train_dataloader.batch_size=2", "--set", "train_dataloader.num_workers=0"),
    *("--set", "train_dataloader.persistent_workers=False", "--set", "test_dataloader.persistent_workers=False"),
    *("--set", "test_dataloader.num_workers=0", "--set", "test_dataloader.dataset.pipeline.1.scale=(64, 64)"),
    *("--set", "model.test_cfg.rpn.max_per_img=20"),
)
OWN = ("--images", "coco", "--dataset-name", "my_data")


def boxes_alone(**segmentation: Any) -> dict[str, dict[str, Any]]:
    """The small set in COCO's form without masks. segmentation: what there is instead; nothing leaves the field out."""
    content = small_set()
    for split in content.values():
        for annotation in split["annotations"]:
            del annotation["segmentation"]
            annotation.update(segmentation)
    return content


def files(paths: dict[str, Path]) -> tuple[str, ...]:
    return tuple(word for split in ("train", "val") for word in (f"--{split}-annotations", str(paths[split])))


def annotations_in(root: Path) -> dict[str, Path]:
    return {split: root / "annotations" / f"instances_{split}2017.json" for split in ("train", "val")}


def call(cwd: Path, *arguments: str, code: int = 0) -> str:
    environment = {"LT_BENCH_CACHE": str(cwd / "cache"), "LT_BENCH_DATA": str(cwd / "nowhere")}
    done = forked(*arguments, cwd=cwd, env=environment)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of two iterations in work/, and its board."""
    root = tmp_path_factory.mktemp("boxes")
    coco = write_set(root / "coco", boxes_alone(segmentation=[]))
    where = ("--work-dir", "work", "--leaderboards", "boards")
    said = call(root, "run", "--loss", "ecm", *FASTER, *TINY, *files(coco), *OWN, *where)
    assert "evaluating boxes\n" in said and "polygons were made" not in said
    return root


@pytest.mark.slow
def test_record_and_table_have_the_ap_of_boxes_alone(trained: Path) -> None:
    record: ResultRecord = read(trained / "work" / "result.json")
    assert (record.kinds, record.track.detector) == (("bbox",), "faster_rcnn")
    assert "segmentation" not in (trained / "work" / "predictions.json").read_text(encoding="utf-8")
    page = (trained / "boards" / "my_data.md").read_text(encoding="utf-8")
    assert "measured: boxes alone" in page and "| box AP |" in page.replace("  ", "")
    assert "mask" not in page


@pytest.mark.slow
def test_the_run_is_verified_and_its_checkpoint_evaluated(trained: Path) -> None:
    assert "2 verified, 0 unverified, 0 wrong" in call(trained, "verify", "work", "boards/results")
    call(trained, "eval", "work/iter_2.pth", "--out", "again")
    again = (trained / "again" / "predictions.json").read_bytes()
    assert again == (trained / "work" / "predictions.json").read_bytes()
    assert "predicts no masks" in call(trained, "eval", "work/iter_2.pth", "--mask-only", code=2)
    of_masks = ("--metrics", "ap,ap_boundary")
    assert "ap_boundary is of masks" in call(trained, "eval", "work/iter_2.pth", *of_masks, code=2)
    assert "ap_boundary is of masks" in call(trained, "run", "--loss", "ecm", *FASTER, *of_masks, code=2)


@pytest.mark.extra
@pytest.mark.slow
def test_its_features_train_classifiers(trained: Path) -> None:
    call(trained, "features", "work", "--out", "features")
    probe = ("probe", "--features", "features", "--loss", "ce", "--steps", "2", "--parallel", "1")
    call(trained, *probe, "--leaderboards", "probed")
    page = (trained / "probed" / "my_data.md").read_text(encoding="utf-8")
    assert "AP is of boxes" in page and r"faster\_rcnn r50" in page
    assert "predicts no masks" in call(trained, *probe, "--masks", "work", code=2)


@pytest.mark.parametrize("segmentation", [{}, {"segmentation": None}, {"segmentation": []}])
def test_a_detector_of_masks_refuses_such_data_before_training(tmp_path: Path, segmentation: dict[str, Any]) -> None:
    coco = write_set(tmp_path / "coco", boxes_alone(**segmentation), pictures=False)
    said = call(tmp_path, "run", "--loss", "ce", *files(coco), *OWN, "--work-dir", "work", code=2)
    assert "boxes alone" in said and "--detector faster_rcnn" in said
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize(
    ("detector", "overrides"),
    [
        ("mask_rcnn", {"model.roi_head.mask_head": None}),
        ("faster_rcnn", {"+model.roi_head.mask_head": {"type": "FCNMaskHead"}}),
    ],
)
def test_a_mask_head_comes_and_goes_with_the_detector_alone(
    tmp_path: Path, detector: str, overrides: dict[str, Any]
) -> None:
    experiment: dict[str, Any] = {"loss": "ce", "detector": detector, "dataset": "lvis_v1"}
    refuse_contradictions(resolved(tmp_path, **experiment)[0], Experiment(**experiment))
    changed = Experiment(**experiment, overrides=overrides)
    with pytest.raises(UserError, match="mask head") as caught:
        refuse_contradictions(resolved(tmp_path, **experiment, overrides=overrides)[0], changed)
    assert "--detector" in caught.value.remedy


@pytest.mark.slow
def test_a_record_that_leaves_its_masks_out_is_denied_by_the_config(trained: Path, tmp_path: Path) -> None:
    record: ResultRecord = read(trained / "work" / "result.json")
    text = (trained / "work" / "config.py").read_text(encoding="utf-8")
    assert not list(by_config(record, trained / "work" / "config.py"))
    other = tmp_path / "config.py"
    other.write_text(text.replace("bbox_roi_extractor=", "mask_head=dict(type='FCNMaskHead'), bbox_roi_extractor=", 1))
    assert "metrics.segm" in {problem.field for problem in by_config(record, other)}


@pytest.mark.slow
def test_the_same_command_on_other_pictures_is_another_run(trained: Path) -> None:
    """The last of this file: it changes a picture."""
    record: ResultRecord = read(trained / "work" / "result.json")
    assert record.data.image_files is not None
    assert f"image files: `{record.data.image_files[:12]}`" in (trained / "boards" / "my_data.md").read_text("utf-8")
    picture = sorted(path for path in (trained / "coco").rglob("*") if path.suffix in (".jpg", ".png"))[0]
    with Image.open(picture) as before:
        Image.new("RGB", before.size, "gray").save(picture)
    words = ("run", "--loss", "ecm", *FASTER, *TINY, *files(annotations_in(trained / "coco")), *OWN)
    said = call(trained, *words, "--work-dir", "work", "--leaderboards", "boards", code=2)
    assert "other image files" in said and read(trained / "work" / "result.json") == record

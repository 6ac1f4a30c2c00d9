"""Open Images by name, from its official files to a table: check, training, evaluation, and what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from command_line import forked, small_model
from openimages_form import miniature, write_release

from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.store import read

TINY = (
    *("--max-iters", "2", "--init", "random", "--set", "train_dataloader.dataset.dataset.pipeline.2.scales=[(64, 64)]"),
    *("--set", "train_dataloader.batch_size=2", "--set", "train_dataloader.num_workers=0"),
    *("--set", "train_dataloader.persistent_workers=False", "--set", "test_dataloader.persistent_workers=False"),
    *("--set", "test_dataloader.num_workers=0", "--set", "test_dataloader.dataset.pipeline.1.scale=(64, 64)"),
    *("--set", "model.test_cfg.rcnn.max_per_img=5"),
)


def call(cwd: Path, *arguments: str, code: int = 0) -> str:
    environment = {"LT_BENCH_CACHE": str(cwd / "cache"), "LT_BENCH_DATA": str(cwd / "nowhere")}
    done = forked(*arguments, cwd=cwd, env=environment)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def dataset(name: str) -> tuple[str, ...]:
    return "--dataset", name, "--data-root", "oi"


def train(root: Path, name: str, *more: str) -> tuple[ResultRecord, str]:
    """A run of two iterations in the folder `name`, and its page."""
    said = call(
        root, "run", "--loss", "ecm", *dataset(name), *TINY, *more, "--work-dir", name, "--leaderboards", "boards"
    )
    assert "evaluated by LVIS's rules, not by the challenge's" in said
    record = read(root / name / "result.json")
    assert isinstance(record, ResultRecord)
    assert record.track.dataset == name
    assert any("annotations were added for them" in note for note in record.notes)
    assert (record.data.classes, record.data.train_images, record.data.val_images) == (6, 4, 3)
    return record, (root / "boards" / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_masks(tmp_path: Path) -> None:
    write_release(tmp_path / "oi", miniature(), "masks")
    checked = call(tmp_path, "data", "check", "oi", "--dataset", "openimages_masks")
    assert "no problems" in checked and "6 classes, 4 images, 15 annotations" in checked
    record, page = train(tmp_path, "openimages_masks", *small_model())
    assert record.kinds == ("bbox", "segm")
    assert [(each.name, each.instance_count) for each in record.per_class] == [
        *(("Car", 3), ("Vehicle", 4), ("Taxi", 2), ("Cat", 1), ("Animal", 1), ("Human face", 1)),
    ]
    assert "350 classes" in page and "not by the challenge's" in page
    verified = call(tmp_path, "verify", "openimages_masks")
    assert verified.startswith("verified: openimages_masks")


@pytest.mark.extra
@pytest.mark.slow
def test_boxes(tmp_path: Path) -> None:
    write_release(tmp_path / "oi", miniature(), "2019")
    record, page = train(tmp_path, "openimages_2019", "--detector", "faster_rcnn", *small_model(masks=False))
    assert record.kinds == ("bbox",) and "500 classes" in page


@pytest.mark.slow
def test_boxes_alone_are_evaluated_and_a_detector_of_masks_refuses_them(tmp_path: Path) -> None:
    content = miniature()
    write_release(tmp_path / "oi", content)
    said = call(tmp_path, "run", "--loss", "ce", *dataset("openimages"), *TINY, code=2)
    assert "oidv6-train-annotations-bbox.csv has boxes alone" in said and "--detector faster_rcnn" in said
    val = content["val"]
    rank = {key: number for number, key in enumerate(sorted(val.sizes), start=1)}
    found = []
    for thing in val.things:
        width, height = val.sizes[thing.image]
        left, right, top, bottom = thing.box
        box = [left * width, top * height, (right - left) * width, (bottom - top) * height]
        for category in {"Taxi": (3, 1, 2), "Car": (1, 2), "Cat": (4, 5), "Human face": (6,)}[thing.name]:
            found.append({"image_id": rank[thing.image], "category_id": category, "bbox": box, "score": 0.9})
    absent = {"image_id": rank["f000000000000002"], "category_id": 3, "bbox": [1, 1, 9, 9], "score": 0.95}
    unverified = {**absent, "image_id": rank["1100000000000003"]}
    (tmp_path / "found.json").write_text(json.dumps([*found, absent, unverified]), encoding="utf-8")
    said = call(tmp_path, "eval", "found.json", *dataset("openimages"), "--box-only", "--csv", "ap.csv")
    assert "300 detections per image" in said
    with (tmp_path / "ap.csv").open(encoding="utf-8", newline="") as stream:
        ap = {row["name"]: float(row["bbox"]) for row in csv.DictReader(stream)}
    # A taxi where people said that no vehicle is, is a mistake; one where nobody said so counts for nothing.
    assert ap == pytest.approx({"Car": 1, "Vehicle": 1, "Taxi": 0.5, "Cat": 1, "Animal": 1, "Human face": 1})

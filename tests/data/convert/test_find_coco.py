"""Which file is which split, and where the images are."""

from __future__ import annotations

from pathlib import Path

import pytest
from coco_form import small_set, write_set

from lt_bench.data.convert.find_coco import find
from lt_bench.data.convert.forms import FORMS
from lt_bench.errors import UserError


def files(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}", encoding="utf-8")


@pytest.mark.parametrize(
    ("names", "train", "val"),
    [
        (
            [
                *("annotations/instances_train2017.json", "annotations/instances_val2017.json"),
                *("annotations/captions_train2017.json", "annotations/person_keypoints_val2017.json"),
            ],
            *("annotations/instances_train2017.json", "annotations/instances_val2017.json"),
        ),
        (
            ["train/_annotations.coco.json", "valid/_annotations.coco.json", "test/_annotations.coco.json"],
            *("train/_annotations.coco.json", "valid/_annotations.coco.json"),
        ),
        (["train.json.gz", "validation.json", "notes.json"], "train.json.gz", "validation.json"),
        (
            ["annotations/train/result.json", "annotations/a_val.json", "train/labels.json"],
            "train/labels.json",
            "annotations/a_val.json",
        ),
    ],
)
def test_a_folder(tmp_path: Path, names: list[str], train: str, val: str) -> None:
    files(tmp_path, *names)
    assert find([str(tmp_path)]) == {"train": tmp_path / train, "val": tmp_path / val}


def test_files_and_folders_of_one_split(tmp_path: Path) -> None:
    files(tmp_path, "a/A.json", "a/B.json", "c/train.json", "c/val.json")
    named = [f"train:{tmp_path / 'a/A.json'}", f"val:{tmp_path / 'a/B.json'}"]
    assert find(named) == {"train": tmp_path / "a/A.json", "val": tmp_path / "a/B.json"}
    assert find([f"val:{tmp_path / 'c'}"]) == {"val": tmp_path / "c/val.json"}
    assert find([str(tmp_path / "c/val.json"), named[0]]) == {
        "train": tmp_path / "a/A.json",
        "val": tmp_path / "c/val.json",
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["A.json"], "does not tell whether it is the training or the validation set"),
        (["train.json", "train:A.json"], "are both of the split train"),
        (["nowhere.json"], "no such file or folder"),
        (["empty"], "no annotation file of a split"),
        (["two"], r"several files can be the split train: .*x_train\.json, .*y_train\.json"),
    ],
)
def test_what_can_not_be_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[str], said: str) -> None:
    files(tmp_path, "A.json", "train.json", "two/x_train.json", "two/y_train.json")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=said):
        find(given)


@pytest.mark.parametrize("moved", ["annotations", "train"])
def test_images_are_beside_the_annotations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: str) -> None:
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "coco"
    paths = write_set(root, small_set())
    if moved == "train":  # Roboflow's
        for split, folder in (("train", "train"), ("val", "valid")):
            (root / f"{split}2017").rename(root / folder)
            paths[split] = paths[split].rename(root / folder / "_annotations.coco.json")
        (root / "annotations").rmdir()
    form = FORMS["coco"]
    assert form.image_folder(form.sources([str(root)], None)) == root


def test_yolo_s_form_is_told(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("names: [a]", encoding="utf-8")
    for given in (tmp_path, tmp_path / "data.yaml"):
        with pytest.raises(UserError, match="is in YOLO's form"):
            find([str(given)])

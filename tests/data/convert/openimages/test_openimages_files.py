"""Which of the official files are taken, and what is said where they are not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from openimages_form import miniature, write_release

from lt_bench.data.convert.openimages.files import find
from lt_bench.data.convert.openimages.picture_files import MaskFiles, find_images, images_digest, images_root
from lt_bench.data.convert.openimages.releases import RELEASES
from lt_bench.data.convert.openimages.survey import survey
from lt_bench.errors import DataNotFoundError, UserError


@pytest.mark.parametrize("release", RELEASES)
def test_from_the_files_of_the_splits_and_from_their_folder(tmp_path: Path, release: str) -> None:
    files = write_release(tmp_path, miniature(), release)
    found = find([f"{split}:{path}" for split, path in files.items()])
    assert found.release is RELEASES[release]
    assert {split: own.named for split, own in found.splits.items()} == files
    assert find([str(path) for path in files.values()]) == found
    if release != "masks":  # in whose folder there are tables of boxes, which stand for boxes alone
        assert find([str(tmp_path)]) == find([str(tmp_path / "annotations")]) == found
    assert find([f"val:{files['val']}"]).splits.keys() == {"val"}


def test_the_newest_names_of_v7_do(tmp_path: Path) -> None:
    write_release(tmp_path, miniature())
    folder = tmp_path / "annotations"
    for old, new in {
        "class-descriptions-boxable.csv": "oidv7-class-descriptions.csv",
        "validation-annotations-human-imagelabels-boxable.csv": "oidv7-val-annotations-human-imagelabels.csv",
        "train-annotations-human-imagelabels-boxable.csv": "oidv7-train-annotations-human-imagelabels.csv",
    }.items():
        (folder / old).rename(folder / new)
    found = find([str(tmp_path)])
    assert found.classes.name == "oidv7-class-descriptions.csv"
    assert found.splits["val"].labels.name == "oidv7-val-annotations-human-imagelabels.csv"


def test_several_that_can_be_meant(tmp_path: Path) -> None:
    files = write_release(tmp_path, miniature(), "masks")
    with pytest.raises(UserError, match=r"files of several releases: .*V5 to V7, boxes.*V5 to V7, masks"):
        find([str(tmp_path)])
    folder = tmp_path / "annotations"
    (folder / "train-annotations-bbox.csv").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match=r"several files can be meant: .*oidv6-train-annotations-bbox\.csv"):
        find([str(files["train"])])
    with pytest.raises(UserError, match="are both of the split train"):
        find([str(folder / "train-annotations-bbox.csv"), str(folder / "oidv6-train-annotations-bbox.csv")])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bbox_labels_600_hierarchy.json", "no bbox_labels_600_hierarchy"),
        ("class-descriptions-boxable.csv", "no class-descriptions-boxable or class-descriptions"),
        ("train-annotations-human-imagelabels-boxable.csv", "no train-annotations-human-imagelabels-boxable or"),
        ("validation-annotations-human-imagelabels-boxable.csv", "no validation-annotations-human-imagelabels-boxable"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, name: str, said: str) -> None:
    write_release(tmp_path, miniature())
    (tmp_path / "annotations" / name).unlink()
    with pytest.raises(DataNotFoundError, match=f"Open Images V5 to V7, boxes: {said}.*Looked in: ") as caught:
        find([str(tmp_path)])
    assert "docs/openimages.md" in caught.value.remedy
    for word in (str(tmp_path / "nowhere"), str(tmp_path / "train")):
        with pytest.raises(DataNotFoundError):
            find([word])


def test_images_in_the_folders_of_the_archives(tmp_path: Path) -> None:
    ids = ["0a", "ff"]
    for name in ("train_0/0a.jpg", "train_f/ff.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"")
    assert find_images(tmp_path, "train", ids) == (["train_0/0a.jpg", "train_f/ff.jpg"],) * 2
    before = images_digest(tmp_path, "train"), images_digest(tmp_path, "val")
    (tmp_path / "train_f/ff.jpg").write_bytes(b"1")
    assert images_digest(tmp_path, "train") != before[0] and images_digest(tmp_path, "val") == before[1]
    with pytest.raises(DataNotFoundError, match="val: 2 of 2 images are not there"):
        find_images(tmp_path, "val", ids)
    tables = tmp_path / "annotations"
    tables.mkdir()
    assert images_root([tables / "boxes.csv"], None) == tmp_path
    assert images_root([tables / "boxes.csv"], tables) == tables
    with pytest.raises(DataNotFoundError, match=r"train: 1 of 3 images are not there.*file_name 33\.jpg not found"):
        find_images(tmp_path, "train", [*ids, "33"])
    for name in ("train", "images/train"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "33.jpg").write_bytes(b"")
    with pytest.raises(UserError, match=r"33\.jpg is there twice below .*: train/33\.jpg, images/train/33\.jpg"):
        find_images(tmp_path, "train", [*ids, "33"])
    (tmp_path / "empty" / "in").mkdir(parents=True)
    with pytest.raises(DataNotFoundError, match="no images were found beside"):
        images_root([tmp_path / "empty" / "in" / "boxes.csv"], None)


def test_masks_of_their_own_split(tmp_path: Path) -> None:
    for name in ("masks/train/0a.png", "masks/validation/0b.png", "tables/challenge_2019_train_masks/train_0/0c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"12")
    table = tmp_path / "tables" / "masks.csv"
    train, val = MaskFiles(table, tmp_path, "train"), MaskFiles(table, tmp_path, "val")
    assert [train.find(name).parent.name for name in ("0a.png", "0c.png", "0a.png")] == ["train", "train_0", "train"]
    assert val.find("0b.png").parent.name == "validation"
    with pytest.raises(DataNotFoundError, match=r"masks\.csv: its mask 0a\.png is not there"):
        val.find("0a.png")
    train.refuse_missing(["0a.png", "0c.png"])
    with pytest.raises(DataNotFoundError, match=r"2 of 3 masks are not there: .*its mask 0b\.png is not there"):
        train.refuse_missing(["0a.png", "0b.png", "0d.png"])
    before = train.digest(), val.digest()
    (tmp_path / "masks/train/0a.png").write_bytes(b"123")
    assert train.digest() != before[0] and val.digest() == before[1]


def test_labels_that_a_machine_made_are_refused(tmp_path: Path) -> None:
    write_release(tmp_path, miniature())
    labels = tmp_path / "annotations" / "validation-annotations-human-imagelabels-boxable.csv"
    text = labels.read_text(encoding="utf-8").splitlines()
    found = find([str(tmp_path)])
    from lt_bench.data.convert.openimages.classes import read_classes

    classes = read_classes(found.classes, found.hierarchy, None)
    for value, said in (("0.7", "that of a verified label is 0 or 1"), ("x", "which is no number")):
        labels.write_text("\n".join([*text[:2], f"{text[2].rpartition(',')[0]},{value}"]) + "\n", encoding="utf-8")
        with pytest.raises(UserError, match=f"line 3: Confidence is '?{value}'?,.*{said}"):
            survey("val", found.splits["val"], tmp_path, classes)
    labels.write_text("\n".join(text).replace(",1", ",1.0").replace(",0", ",0.0") + "\n", encoding="utf-8")
    assert survey("val", found.splits["val"], tmp_path, classes).ids

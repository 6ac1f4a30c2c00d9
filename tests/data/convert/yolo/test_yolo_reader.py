"""YOLO's form: the same objects as in COCO's form come out of it, and what is wrong in it is named by file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from coco_form import NAMES, SIZE, small_set
from yolo_form import write_yolo

from lt_bench.cli import main
from lt_bench.data import dataset as datasets
from lt_bench.data.convert.source import Entry
from lt_bench.data.convert.yolo.reader import sources
from lt_bench.errors import UserError


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments: Any) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)], catch_exceptions=False)


def content(path: Path) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = json.loads(path.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize(
    ("layout", "polygons"), [("images/{}", True), ("{}/images", True), ("deep/images/{}", False), ("{}", False)]
)
def test_the_objects_of_coco_s_form_come_back(place: Path, layout: str, polygons: bool) -> None:
    given = small_set()
    path = write_yolo(place / "yolo", given, polygons, layout)
    assert [one.masks for one in sources([str(path)], None)] == [polygons] * 2
    done = call("data", "convert", "yolo", "--form", "yolo", "--out", "out")
    assert done.exit_code == 0, done.output
    for split, one in given.items():
        found = content(place / "out" / "annotations" / f"lvis_v1_{split}.json")
        assert [(each["id"], each["name"]) for each in found["categories"]] == list(enumerate(NAMES.values(), 1))
        assert [(each["id"], each["width"], each["height"]) for each in found["images"]] == [
            (image["id"], SIZE, SIZE) for image in one["images"]
        ]
        by_image = sorted(one["annotations"], key=lambda each: int(each["image_id"]))  # as label files have them
        assert len(found["annotations"]) == len(by_image)
        for each, right in zip(found["annotations"], by_image, strict=True):
            assert each["image_id"] == right["image_id"]
            assert NAMES[right["category_id"]] == found["categories"][each["category_id"] - 1]["name"]
            assert each["bbox"] == pytest.approx(right["bbox"], abs=2e-3)
            if polygons:
                assert each["segmentation"][0] == pytest.approx(right["segmentation"][0], abs=2e-3)
                assert each["area"] == pytest.approx(right["area"], rel=0.2)
    checked = call("data", "check", "out")
    assert checked.exit_code == 0, checked.output


def test_boxes_alone_stay_so_if_asked(place: Path) -> None:
    write_yolo(place / "yolo", small_set(), polygons=False)
    done = call("data", "convert", "yolo/data.yaml", "--form", "yolo", "--out", "yolo", "--no-masks-of-boxes")
    assert done.exit_code == 0, done.output
    assert "15 boxes and 0 polygons" in done.output and "1 of 12 images have no label file" in done.output
    assert "segmentation" not in content(place / "yolo" / "annotations" / "lvis_v1_train.json")["annotations"][0]
    data = datasets.load(datasets.find("lvis_v1", place / "yolo"), masks=False)
    datasets.verify(data, masks=False)
    assert data.train.names == tuple(NAMES.values())


def test_a_turned_picture_has_the_size_that_it_is_loaded_with(place: Path) -> None:
    path = write_yolo(place / "yolo", small_set(), polygons=False)
    picture = place / "yolo" / "images" / "train" / "000000000002.png"
    picture.unlink()
    drawn = np.zeros((40, 80, 3), np.uint8)
    encoded = bytes(cv2.imencode(".jpg", drawn)[1])
    turned = b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    picture.with_suffix(".jpg").write_bytes(encoded[:2] + turned + encoded[2:])
    labels = place / "yolo" / "labels" / "train" / "000000000002.txt"
    labels.write_text("0 0.5 0.25 0.5 0.25\n", encoding="utf-8")
    train = next(one for one in sources([str(path)], None) if one.split == "train")
    (image,) = (each for each in train.images() if each["id"] == 2)
    loaded = cv2.imread(str(picture.with_suffix(".jpg")))
    assert loaded is not None and (image["height"], image["width"]) == loaded.shape[:2] == (80, 40)
    (annotation,) = (each for each in train.annotations() if each["image_id"] == 2)
    assert annotation["bbox"] == [10, 10, 20, 20]


def test_what_lies_outside_is_cut_and_what_is_flat_left_out_and_both_are_said(place: Path) -> None:
    path = write_yolo(place / "yolo", small_set(), polygons=False)
    text = "0 0.95 0.5 0.2 0.5\n\n1 0.5 0.5 0 0.5\n2 -0.005 0.0 0.5 0.0 0.5 1.002\n1 0.25 0.25 0.50001 0.5\n"
    (place / "yolo" / "labels" / "train" / "000000000001.txt").write_text(text, encoding="utf-8")
    train = next(one for one in sources([str(path)], None) if one.split == "train")
    found = [each for each in train.annotations() if each["image_id"] == 1]
    assert [each["bbox"] for each in found] == [[54.4, 16, 9.6, 32], [0, 0, 32, 64], [0, 0, 32.0, 32]]
    assert [each["id"] for each in train.annotations()] == list(range(1, 15 - 2 + 3 + 1))
    said = "\n".join(train.assumed)
    assert "objects without width or height, left out: 1, e.g. in 000000000001.txt" in said
    assert "objects that reach a pixel or more out of the image, cut: 1" in said


def test_corners_are_refused(place: Path) -> None:
    """As hand-written converters have them: x1 y1 x2 y2 instead of centre, width and height."""
    given = small_set()
    path = write_yolo(place / "yolo", given, polygons=False)
    for split, one in given.items():
        for image in one["images"]:
            lines = []
            for each in one["annotations"]:
                if each["image_id"] == image["id"]:
                    x, y, width, height = (value / SIZE for value in each["bbox"])
                    lines.append(f"0 {x} {y} {x + width} {y + height}\n")
            name = image["file_name"].replace(".png", ".txt")
            (place / "yolo" / "labels" / split / name).write_text("".join(lines), encoding="utf-8")
    with pytest.raises(
        UserError, match=r"data\.yaml, train: the labels look like corners, class x1 y1 x2 y2"
    ) as caught:
        sources([str(path)], None)
    assert "x_center y_center" in caught.value.remedy


def test_large_boxes_that_stay_inside_are_no_corners(place: Path) -> None:
    path = write_yolo(place / "yolo", small_set(), polygons=False)
    for labels in (place / "yolo" / "labels").rglob("*.txt"):
        labels.write_text("0 0.45 0.5 0.9 0.8\n" * 4 + "1 0.6 0.5 1 1\n" * (labels.stem == "000000000001"))
    assert "cut: 1" in "\n".join(sources([str(path)], None)[0].assumed)


def test_labels_that_no_image_has_are_said(place: Path) -> None:
    path = write_yolo(place / "yolo", small_set(), polygons=False)
    labels = place / "yolo" / "labels" / "val" / "000000000021.txt"
    labels.rename(labels.with_suffix(".TXT"))
    labels.with_name("classes.txt").write_text("a\n", encoding="utf-8")
    said = {one.split: "\n".join(one.assumed) for one in sources([str(path)], None)}
    assert "1 text files that no image has the name of, e.g. 000000000021.TXT" in said["val"]
    assert "no image has" not in said["train"]


def test_names_of_images_that_are_no_numbers_are_numbered(place: Path) -> None:
    path = write_yolo(place / "yolo", small_set(), polygons=False)
    folder = place / "yolo" / "images" / "val"
    for number, picture in enumerate(sorted(folder.iterdir())):
        picture.rename(folder / f"{'dcba'[number]}.png")
    val = next(one for one in sources([str(path)], None) if one.split == "val")
    assert [(each["id"], each["file_name"]) for each in val.images()] == [
        (number, f"images/val/{name}.png") for number, name in enumerate("abcd", 1)
    ]
    assert "its place among all by name" in val.assumed[0]


def test_a_change_of_a_label_changes_the_digest(place: Path) -> None:
    path = write_yolo(place / "yolo", small_set(), polygons=False)
    first = [one.files for one in sources([str(path)], None)]
    assert [one.files for one in sources([str(path)], None)] == first
    labels = place / "yolo" / "labels" / "val" / "000000000021.txt"
    labels.write_text(labels.read_text(encoding="utf-8").replace("0 ", "1 ", 1), encoding="utf-8")
    second = [one.files for one in sources([str(path)], None)]
    assert first[0] == second[0] and first[1] != second[1]


def test_poses_lose_their_points(place: Path) -> None:
    path = write_yolo(place / "yolo", small_set(), polygons=False)
    path.write_text(path.read_text(encoding="utf-8") + "kpt_shape: [2, 3]\n", encoding="utf-8")
    for label in (place / "yolo" / "labels").rglob("*.txt"):
        lines = label.read_text(encoding="utf-8").splitlines()
        label.write_text("\n".join(f"{each} 0.1 0.1 2 0.2 0.2 0" for each in lines), encoding="utf-8")
    train = next(one for one in sources([str(path)], None) if one.split == "train")
    assert all("segmentation" not in each for each in train.annotations())
    assert "key points" in train.assumed[-1]


def test_images_elsewhere_are_named_relative_to_the_folder_that_is_given(place: Path) -> None:
    path = write_yolo(place / "yolo", small_set(), polygons=False)
    (place / "described").mkdir()
    text = path.read_text(encoding="utf-8").replace("path: .", "path: ../yolo")
    (place / "described" / "mine.yaml").write_text(text, encoding="utf-8")
    path.unlink()
    done = call("data", "convert", "described", "--form", "yolo", "--out", "out")
    assert done.exit_code == 0, done.output
    assert call("data", "check", "out").exit_code == 0  # found again by the report
    (one, _) = sources(["described"], place)
    assert next(one.images())["file_name"] == "yolo/images/train/000000000001.png"
    refused = call("data", "convert", "described", "--form", "yolo", "--out", "out", "--images", "described")
    assert refused.exit_code == 2 and "is not in" in refused.output

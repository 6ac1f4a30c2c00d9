"""Finding, reading and resolving LVIS-format data, on small files made here and on the reference data."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lt_bench.api.class_stats import ClassStats
from lt_bench.data import lvis
from lt_bench.data.find_known import find
from lt_bench.data.image_files import ImageFinder
from lt_bench.errors import UserError

URL = "http://images.cocodataset.org/"
V1 = {
    "images": [
        {
            "id": image_id,
            "width": 40,
            "height": 30,
            "coco_url": f"{URL}{split}/{image_id:012d}.jpg",
            "neg_category_ids": [9],
            "not_exhaustive_category_ids": [],
        }
        for image_id, split in ((7, "val2017"), (3, "train2017"), (5, "val2017"))
    ],
    "annotations": [
        {
            "id": index,
            "image_id": image_id,
            "category_id": category_id,
            "bbox": [1, 2, 3.5, 4],
            "area": 7.0,
            "segmentation": [[1, 2, 4.5, 2, 4.5, 6]],
        }
        for index, (image_id, category_id) in enumerate([(7, 9), (3, 2), (7, 2)], start=1)
    ],
    "categories": [
        {"id": category_id, "name": name, "frequency": "r", "image_count": images, "instance_count": instances}
        for category_id, name, images, instances in ((9, "yak", 4, 40), (2, "zebra", 3, 30), (11, "ox", 0, 0))
    ],
}


def v05() -> dict[str, Any]:
    data = copy.deepcopy(V1)
    for image in data["images"]:
        image["file_name"] = f"COCO_val2014_{image['id']:012d}.jpg"
    return data


def write(path: Path, data: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return path


# --- load


def test_labels_follow_ascending_category_ids(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", V1)
    file = lvis.load(path)
    assert file.category_ids == (2, 9, 11)
    assert file.names == ("zebra", "yak", "ox")
    assert file.label_of == {2: 0, 9: 1, 11: 2}
    assert file.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (len(file.images), len(file.annotations)) == (3, 3)


def test_unicode_names_and_paths_with_spaces(tmp_path: Path) -> None:
    data = copy.deepcopy(V1)
    data["categories"][0]["name"] = "Gänse 鹅"
    file = lvis.load(write(tmp_path / "my dätä 数据" / "train set.json", data))
    assert file.names[1] == "Gänse 鹅"


def change(key: str, index: int, name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda data: data[key][index].__setitem__(name, value)


def drop(key: str, index: int, name: str) -> Callable[[dict[str, Any]], None]:
    return lambda data: data[key][index].__delitem__(name)


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda data: data.pop("images"), "'images' is missing"),
        (lambda data: data.update(categories={"1": "yak"}), "'categories' is dict"),
        (lambda data: data.update(annotations=None), "'annotations' is null"),
        (lambda data: data.update(images=[]), "'images' is empty"),
        (lambda data: data.update(categories=[]), "'categories' is empty"),
        (lambda data: data["images"].insert(1, "x"), r"images\[1\] is str"),
        (drop("categories", 2, "instance_count"), r"categories\[2\] has no 'instance_count'"),
        (drop("images", 1, "neg_category_ids"), r"images\[1\] has no 'neg_category_ids'"),
        (drop("images", 1, "coco_url"), r"images\[1\] has neither 'coco_url'"),
        (drop("annotations", 2, "segmentation"), r"annotations\[2\] has no 'segmentation'"),
        (change("categories", 1, "id", 9), "category id 9 occurs twice: 'yak' and 'zebra'"),
        (change("categories", 1, "image_count", -1), "category 2 .* negative count"),
        (change("categories", 1, "image_count", True), "'image_count' is bool"),
        (change("categories", 1, "frequency", "x"), "frequency is 'x'"),
        (change("images", 0, "width", "40"), r"images\[0\]: 'width' is str"),
        (change("images", 0, "coco_url", None), r"images\[0\] has neither 'coco_url'"),
        (change("images", 0, "neg_category_ids", [[1]]), r"images\[0\]: neg_category_ids"),
        (change("annotations", 0, "bbox", [1, 2, 3]), r"annotations\[0\]: bbox"),
        (change("annotations", 0, "bbox", [1, 2, 3, "4"]), r"annotations\[0\]: bbox"),
    ],
)
def test_a_file_of_another_form_is_refused_by_name(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], Any], named: str
) -> None:
    data = copy.deepcopy(V1)
    spoil(data)
    path = write(tmp_path / "spoilt.json", data)
    with pytest.raises(UserError, match=named) as caught:
        lvis.load(path)
    assert str(path) in caught.value.message
    assert caught.value.remedy


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    data = copy.deepcopy(V1)
    for section, index, name, value in (
        ("categories", 0, "id", "2"),
        ("images", 1, "width", None),
        ("images", 1, "height", "40"),
        ("images", 2, "neg_category_ids", ["9"]),
        ("annotations", 0, "image_id", "7"),
        ("annotations", 0, "bbox", [1, 2, "3", 4]),
        ("annotations", 1, "area", "5"),
    ):
        change(section, index, name, value)(data)
    data["annotations"] += [{**data["annotations"][2], "category_id": None} for _ in range(9)]
    with pytest.raises(UserError) as caught:
        lvis.load(write(tmp_path / "spoilt.json", data))
    for said in (
        *("categories[0]: 'id' is str", "images[1]: 'width' is null", "images[1]: 'height' is str"),
        *("images[2]: neg_category_ids holds", "annotations[0]: 'image_id' is str", "annotations[0]: bbox is"),
        *("annotations[1]: 'area' is str", "annotations[3]: 'category_id' is null"),
    ):
        assert said in caught.value.message, said
    assert caught.value.message.count("'category_id'") == 3  # of nine, and how many more there are
    assert ", and 6 more" in caught.value.message


def test_all_that_is_lacking_is_said_at_once(tmp_path: Path) -> None:
    data = copy.deepcopy(V1)
    for section, index, name in (("categories", 2, "name"), ("images", 1, "coco_url"), ("annotations", 0, "area")):
        drop(section, index, name)(data)
    with pytest.raises(UserError) as caught:
        lvis.load(write(tmp_path / "spoilt.json", data))
    for said in ("categories[2] has no 'name'", "images[1] has neither", "annotations[0] has no 'area'"):
        assert said in caught.value.message


@pytest.mark.parametrize(
    "content",
    [
        b"",
        json.dumps(V1).encode()[:-40],
        b"PK\x03\x04\x00\xff",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"[]",
        b"null",
        b'{"categories": ' + b"9" * 5000 + b"}",
    ],
)
def test_damaged_json_is_a_users_error_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"damaged\.json"):
        lvis.load(path)


def test_a_missing_file_and_a_folder_are_users_errors(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(UserError, match="cannot be read"):
            lvis.load(path)


# --- entries


def test_annotations_group_by_image(tmp_path: Path) -> None:
    data = copy.deepcopy(V1)
    data["annotations"].append({**data["annotations"][0], "id": 9, "image_id": 999})
    file = lvis.load(write(tmp_path / "a.json", data))
    assert list(file.images) == data["images"]
    assert list(file.annotations) == data["annotations"]
    assert file.image_ids == [7, 3, 5]
    groups = [[annotation["id"] for annotation in file.annotations.at(file.rows_of(row))] for row in range(3)]
    assert groups == [[1, 3], [2], []]


# --- the reference data


def test_reference_photographs(shared: Path) -> None:
    paths = find("lvis_v1", shared / "reference" / "coco100")
    finder = ImageFinder(paths.image_root)
    train, val = lvis.load(paths.train), lvis.load(paths.val)
    for file in (train, val):
        assert len(file.category_ids) == 80
        assert max(file.category_ids) == 90
        for image in file.images:
            relative = finder.relative(image)
            assert relative is not None
            assert image["coco_url"] == URL + relative
    with pytest.warns(UserWarning, match="31 of 80 classes have no training instance"):
        stats = ClassStats.from_file(train)
    assert stats.instance_count == tuple(
        sum(annotation["category_id"] == category_id for annotation in train.annotations)
        for category_id in train.category_ids
    )


def test_reference_validation_file_is_v05(shared: Path) -> None:
    file = lvis.load(shared / "reference" / "lvis_val_100.json")
    assert (len(file.category_ids), len(file.images)) == (1230, 100)
    assert sum(len(file.rows_of(row)) for row in range(100)) == 977

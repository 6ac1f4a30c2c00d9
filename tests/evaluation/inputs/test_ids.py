"""What other programs write for image and category ids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lt_bench.errors import UserError
from lt_bench.evaluation.inputs.detections import read_detections
from lt_bench.evaluation.inputs.ground_truth import GroundTruth, load_ground_truth
from lt_bench.evaluation.inputs.reading import AS_ANNOTATED, Reading

NAMES = {11: "frame_a.jpg", 5: "deep/frame_b.png", 30: "000000000005.jpg", 2: "twice.jpg", 3: "other/twice.jpg"}


@pytest.fixture
def truth(tmp_path: Path) -> GroundTruth:
    """Five images, not in the order of their ids, and categories 3, 4 and 8."""
    images = [
        {"id": key, "height": 50, "width": 60, "file_name": name, "neg_category_ids": [3, 4, 8]}
        | {"not_exhaustive_category_ids": []}
        for key, name in NAMES.items()
    ]
    categories = [{"id": key, "name": f"class {key}", "frequency": "r"} for key in (3, 4, 8)]
    content = {"images": images, "annotations": [], "categories": categories}
    (tmp_path / "truth.json").write_text(json.dumps(content), encoding="utf-8")
    return load_ground_truth(tmp_path / "truth.json")


def rows_of(images: list[Any], categories: list[Any] | None = None, **others: Any) -> list[dict[str, Any]]:
    return [
        {"image_id": image, "category_id": category, "bbox": [0, 0, 5, 5], "score": 0.5, **others}
        for image, category in zip(images, categories or [3] * len(images), strict=True)
    ]


def read(truth: GroundTruth, rows: Any, reading: Reading = AS_ANNOTATED) -> tuple[list[int], list[int], str]:
    path = truth.path.with_name("rows.json")
    path.write_text(json.dumps(rows), encoding="utf-8")
    found = read_detections(path, truth, masks=False, reading=reading)
    return found.image.tolist(), found.category.tolist(), "\n".join(found.notes)


def refusal(truth: GroundTruth, rows: Any, reading: Reading = AS_ANNOTATED) -> str:
    with pytest.raises(UserError) as caught:
        read(truth, rows, reading)
    return str(caught.value)


def test_ids_of_the_annotations_are_read_as_such(truth) -> None:
    images, categories, notes = read(truth, rows_of([11, 5.0, 30], [3, 8, 4.0]))
    assert (images, categories) == ([11, 5, 30], [3, 8, 4])
    assert "name" not in notes and "places" not in notes


def test_names_of_files_are_found(truth) -> None:
    """ultralytics writes the stem where it is no number; others the name, or the path."""
    images, _, notes = read(truth, rows_of(["frame_a", "frame_b.png", "val/frame_a.jpg", "elsewhere\\frame_b.png", 2]))
    assert images == [11, 5, 11, 5, 2]
    assert "the image of 4 detections was found by the name of its file" in notes
    for name in ("frame_c", "twice", "000000000005", "tensor(11)"):
        said = refusal(truth, rows_of([11, name]))
        assert f"1 x image_id is the text '{name}'" in said and "it must be a number (detection 1)" in said


def test_numbers_that_files_are_named_by_are_found_where_ids_do_not_fit(truth, tmp_path: Path) -> None:
    """ultralytics writes int(stem)."""
    content = json.loads(truth.path.read_text(encoding="utf-8"))
    for image, stem in zip(content["images"], ("0101", "102", "7", "103", "0104"), strict=True):
        image["file_name"] = f"{stem}.jpg"
    truth.path.write_text(json.dumps(content), encoding="utf-8")
    numbered = load_ground_truth(truth.path)
    images, _, notes = read(numbered, rows_of([101, 104, 7, 101]))
    assert images == [11, 3, 30, 11]
    assert "the image of 4 detections was found by the name of its file" in notes
    assert read(numbered, rows_of([2, 5]))[:1] == ([2, 5],)  # ids all the same
    assert "1 x unknown image id: 101 (detection 1)" in refusal(numbered, rows_of([2, 101]))  # no way fits both
    assert read(numbered, rows_of(["0101", 7]), Reading(image_ids="file-names"))[0] == [11, 30]


def test_an_id_that_may_be_a_files_number_is_named(truth) -> None:
    images, _, notes = read(truth, rows_of([5]))
    assert images == [5]
    assert (
        "image_id 5 was read as the id of 'frame_b.png', but it is the number in the name of '000000000005.jpg'"
        in notes
    )
    assert "--image-ids file-names" in notes
    assert read(truth, rows_of([5]), Reading(image_ids="file-names"))[0] == [30]
    assert "number in the name" not in read(truth, rows_of([5, 11]))[2]  # 11 is no file's number


def test_a_file_name_beside_the_id_is_believed(truth) -> None:
    """Newer versions of ultralytics write it."""
    images, _, notes = read(truth, rows_of([5], file_name="000000000005.jpg") + rows_of([11], file_name="frame_a.jpg"))
    assert images == [30, 11]
    assert "the file_name of 1 detections is that of another image than their image_id" in notes
    assert read(truth, rows_of([3], file_name="twice.jpg"))[0] == [3]  # two images are named so


def test_a_file_name_is_seen_in_the_usual_layout_too(truth) -> None:
    path = truth.path.with_name("rows.json")
    rows = rows_of([5, 5], file_name="frame_a.jpg")
    path.write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n", encoding="utf-8")
    assert read_detections(path, truth, masks=False).image.tolist() == [11, 11]


def test_places_are_named_and_read_on_request(truth) -> None:
    """torchmetrics' tm_to_coco numbers images as they came."""
    rows = rows_of([0, 4, 2])
    said = refusal(truth, rows)
    assert "2 x unknown image id: 0 (detection 0), 4" in said and "--image-ids from-0" in said and "tm_to_coco" in said
    images, _, notes = read(truth, rows, Reading(image_ids="from-0"))
    assert images == [11, 3, 30]
    assert "not in the order of their ids" in notes
    assert "no image has this place: 5" in refusal(truth, rows_of([0, 5]), Reading(image_ids="from-0"))
    boxes = [{"boxes": [[0, 0, 5, 5]], "scores": [0.5], "labels": [3]}] * 2
    said = refusal(truth, boxes)
    assert "2 x image_id missing; the place of an image among others" in said
    assert "Write an image_id beside the boxes" in said
    assert read(truth, boxes, Reading(image_ids="from-0"))[0] == [11, 5]


def test_places_of_categories_are_named_and_read_on_request(truth) -> None:
    said = refusal(truth, rows_of([5, 5, 5], [0, 1, 2]))
    assert "they are the places of the 3 categories, counted from 0" in said and "--category-ids from-0" in said
    assert "here category_id" not in said  # no one number is to be added
    assert read(truth, rows_of([5, 5, 5], [0, 1, 2]), Reading(category_ids="from-0"))[1] == [3, 4, 8]
    said = refusal(truth, rows_of([5, 5, 5], [1, 2, 3]))
    assert "counted from 1" in said and "--category-ids from-1" in said
    assert read(truth, rows_of([5, 5, 5], [1, 2, 3]), Reading(category_ids="from-1"))[1] == [3, 4, 8]
    assert "unknown category id: 3" in refusal(truth, rows_of([5, 5], [3, 0]), Reading(category_ids="from-0"))


def test_ids_that_are_no_places_are_not_called_so(truth) -> None:
    for categories in ([3, 9], [0, 3], [-1, 3], [0, 100]):
        assert "counted from" not in refusal(truth, rows_of([5, 5], categories))
    assert "look like places" not in refusal(truth, rows_of([5, 0, 77]))
    said = refusal(truth, rows_of([500, 501]))
    assert "None of the image ids is one of the annotations'" in said


def test_what_is_to_be_added_is_said_where_it_is_one_number(tmp_path: Path, truth) -> None:
    content = json.loads(truth.path.read_text(encoding="utf-8"))
    for place, category in enumerate(content["categories"]):
        category["id"] = place + 1
    truth.path.write_text(json.dumps(content), encoding="utf-8")
    said = refusal(load_ground_truth(truth.path), rows_of([5, 5], [0, 2]))
    assert "The category ids run from 0 to 2, those of the annotations from 1 to 3" in said
    assert "here category_id +1" in said


def test_a_category_name_that_does_not_fit_is_a_mistake(truth) -> None:
    """sahi writes it."""
    assert read(truth, rows_of([5], category_name="class 3"))[1] == [3]
    said = refusal(truth, rows_of([5], category_name="class 4"))
    assert (
        "category_name is another than the annotations have" in said and "'class 4' for 3, which is 'class 3'" in said
    )

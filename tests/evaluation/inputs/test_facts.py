"""What is said of predictions that can be evaluated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools import mask as coco_masks

from lt_bench.data.box_forms import read_otherwise
from lt_bench.evaluation.inputs.detections import read_detections
from lt_bench.evaluation.inputs.ground_truth import load_ground_truth
from lt_bench.evaluation.inputs.predictions import write_predictions

FORMS = [name for name, _ in read_otherwise(np.zeros((1, 4)), np.ones((1, 2)))]


def written(name: str, box: NDArray[np.float64], size: NDArray[np.float64]) -> NDArray[np.float64]:
    """x, y, width, height in pixels as a program would write it that means the form called so. [N, 4], [N, 2]."""
    x, y, width, height = box.T
    across, down = size.T if "shares" in name else np.ones((2, len(box)))
    if "centre" in name:
        x, y = x + width / 2, y + height / 2
    if "corners" in name:
        width, height = x + width, y + height
    columns = [x / across, y / down, width / across, height / down]
    return np.stack([columns[place] for place in ((1, 0, 3, 2) if "[y" in name else range(4))], axis=1)


@pytest.fixture(params=["in chunks", "one by one"])
def notes(request: pytest.FixtureRequest, write) -> Any:
    """The notes of predictions that are written as the package does, or as json does."""

    def read(truth: Any, rows: Any) -> str:
        annotations, path = write("truth.json", truth), Path(write("rows.json", rows))
        if request.param == "in chunks":
            write_predictions(path, rows)
        return "\n".join(read_detections(path, load_ground_truth(annotations), masks=False).notes)

    return read


def test_nothing_is_said_of_sound_predictions(made_set, notes) -> None:
    for seed in range(3):
        assert notes(*made_set(seed)) == ""


def test_a_subset_of_the_images_is_said_with_its_count(made_set, notes) -> None:
    truth, rows = made_set(0)
    images = sorted({row["image_id"] for row in rows})
    some = [row for row in rows if row["image_id"] in images[:9]]
    assert notes(truth, some) == (
        "there are detections in 9 of 12 images; the other 3, of which 3 have objects, count as images without a "
        "detection"
    )
    assert notes(truth, []) == "there is no detection in the file"


def test_empty_and_negative_boxes_are_counted(made_set, notes) -> None:
    truth, rows = made_set(0)
    for row, sides in zip(rows, ([0, 5], [5, -1], [-3, -3], [0, 0]), strict=False):
        row["bbox"][2:] = sides
    assert f"4 of {len(rows)} boxes are empty or have a negative side" in notes(truth, rows)


def test_scores_that_are_no_probabilities_are_said(made_set, notes) -> None:
    truth, rows = made_set(0)
    for row in rows:
        row["score"] *= 100
    assert "are outside [0, 1], e.g. " in notes(truth, rows)
    for row in rows:
        row["score"] = 1.0
    assert notes(truth, rows) == f"all {len(rows)} scores are 1, so that AP depends on the order of the file"


@pytest.mark.parametrize("name", FORMS)
def test_boxes_of_another_form_are_named(made_set, notes, name: str) -> None:
    truth, rows = made_set(0)
    sizes = {image["id"]: (image["width"], image["height"]) for image in truth["images"]}
    objects = [annotation for annotation in truth["annotations"] if min(annotation["bbox"][2:]) > 0]
    rows = [
        {
            "image_id": one["image_id"],
            "category_id": one["category_id"],
            "bbox": one["bbox"],
            "score": 0.1 + place / 1000,
        }
        for place, one in enumerate(objects)
    ]
    assert "right on them" not in notes(truth, rows)
    for row in rows:
        size = np.array([sizes[row["image_id"]]], dtype=np.float64)
        row["bbox"] = written(name, np.array([row["bbox"]], dtype=np.float64), size)[0].tolist()
    said = notes(truth, rows)
    assert f"would have one if the boxes were {name}: bbox must be" in said
    assert "not corners" not in said


def test_detections_that_occur_twice_are_counted(made_set, notes) -> None:
    truth, rows = made_set(0)
    positive = {(one["image_id"], one["category_id"]) for one in truth["annotations"]}
    counted = [row for row in rows if (row["image_id"], row["category_id"]) in positive]
    joined = notes(truth, [*counted, *counted[:7]])
    assert f"7 of {len(counted) + 7} detections that can count are equal to another one" in joined
    near = [{**row, "score": row["score"] / 2} for row in counted]
    near += [{**row, "bbox": [row["bbox"][0] + 0.01, *row["bbox"][1:]]} for row in counted]
    assert "equal to another" not in notes(truth, [*counted, *near])


def test_corners_in_place_of_sides_are_said(made_set, notes) -> None:
    truth, rows = made_set(0)
    for row in rows:
        x, y, width, height = row["bbox"]
        row["bbox"] = [x + 30, y + 30, x + 30 + width, y + 30 + height]
    assert "% of the boxes reach beyond their images: bbox must be [x, y, width, height], not corners" in notes(
        truth, rows
    )


@pytest.mark.parametrize(("shift", "first"), [(-1, "from-0"), (1, "from-1")])
def test_categories_that_are_shifted_though_known_are_said(made_set, notes, shift: int, first: str) -> None:
    """No detection is of the category that would be unknown, so that ids alone show nothing."""
    truth, rows = made_set(0)
    order = sorted(category["id"] for category in truth["categories"])
    shifted = []
    for row in rows:
        place = order.index(row["category_id"]) + shift
        if 0 <= place < len(order):
            shifted.append({**row, "category_id": order[place]})
    said = notes(truth, shifted)
    assert "the category ids look shifted by one" in said and f"--category-ids {first}" in said


def test_a_bad_classifier_is_not_called_shifted(made_set, notes) -> None:
    truth, rows = made_set(0)
    order = sorted(category["id"] for category in truth["categories"])
    for index, row in enumerate(rows):
        row["category_id"] = order[index % len(order)]
    assert "shifted" not in notes(truth, rows)
    for row in rows:
        row["category_id"] = order[2]
    assert "shifted" not in notes(truth, rows)


@pytest.mark.parametrize(("shift", "side"), [(-1, "after"), (1, "before")])
def test_images_that_are_shifted_are_said(made_set, notes, shift: int, side: str) -> None:
    truth, rows = made_set(0)
    order = sorted(image["id"] for image in truth["images"])
    shifted = []
    for row in rows:
        place = order.index(row["image_id"]) + shift
        if 0 <= place < len(order):
            shifted.append({**row, "image_id": order[place]})
    assert f"were the one {side} it: the image ids look shifted by one" in notes(truth, shifted)


@pytest.mark.parametrize("change", ["boxes of another size", "rows for columns", "none"])
def test_masks_that_are_elsewhere_than_their_boxes_are_said(write, tmp_path: Path, change: str) -> None:
    """Squares, some away from the diagonal, on which both readings are one."""
    lists: dict[str, list[int]] = {"neg_category_ids": [], "not_exhaustive_category_ids": []}
    image = {"id": 1, "width": 90, "height": 60, **lists}
    category = {"id": 1, "name": "a", "frequency": "c", "image_count": 1, "instance_count": 1}
    truth = {"images": [image], "categories": [category], "annotations": []}
    rows = []
    for number in range(12):
        x, y = 5 * number, 3 * number
        drawn = np.zeros((60, 90), dtype=np.uint8)
        drawn[y : y + 15, x : x + 20] = 1
        box: list[float] = [x, y, 20, 15]
        if change == "rows for columns":
            drawn = drawn.reshape(-1).reshape((60, 90), order="F")
        elif change == "boxes of another size":
            box = [value / 3 for value in box]
        packed = coco_masks.encode(np.asfortranarray(drawn))
        mask = {"size": [60, 90], "counts": packed["counts"].decode()}
        rows.append({"image_id": 1, "category_id": 1, "score": 0.5 + number / 30, "bbox": box, "segmentation": mask})
    square = [[5, 5, 25, 5, 25, 20, 5, 20]]
    one = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [5, 5, 20, 15], "area": 300, "segmentation": square}
    truth["annotations"].append(one)
    found = read_detections(
        Path(write("rows.json", rows)), load_ground_truth(write("truth.json", truth)), masks=True
    ).notes
    said = [note for note in found if "have their mask elsewhere than their box" in note]
    assert len(said) == (change != "none")
    assert change == "none" or said[0].startswith("of 12 detections that were looked at, ")


def test_nothing_is_said_of_sound_masks(made_set, write) -> None:
    for seed in range(2):
        truth, rows = made_set(seed)
        annotations = load_ground_truth(write("truth.json", truth))
        assert read_detections(Path(write("rows.json", rows)), annotations, masks=True).notes == ()

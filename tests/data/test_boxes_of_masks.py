"""Boxes that are elsewhere than their masks are told, with the form that they look like."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_masks
from test_box_forms import written

from lt_bench.data import lvis
from lt_bench.data.box_forms import read_otherwise
from lt_bench.data.boxes_of_masks import areas_elsewhere, boxes_elsewhere
from lt_bench.data.mask_sample import sample_masks
from lt_bench.data.notes import on_evaluation, on_file

SIZE = 200, 150
NAMES = [name for name, _ in read_otherwise(np.zeros((1, 4)), np.ones((1, 2)))]


def content(count: int = 60) -> dict[str, Any]:
    """Triangles in the upper left, so that corners are inside the image as well."""
    rng = np.random.default_rng(1)
    annotations = []
    for number in range(1, count + 1):
        x, y, width, height = (float(value) for value in np.round(rng.uniform(5, 45, 4), 2))
        triangle = [x, y, x + width, y, x + width / 3, y + height]
        entry = {"id": number, "image_id": 1 + number % 3, "category_id": 1, "area": width * height / 2}
        annotations.append({**entry, "bbox": [x, y, width, height], "segmentation": [triangle]})
    images = [{"id": key, "width": SIZE[0], "height": SIZE[1], "file_name": f"{key}.jpg"} for key in (1, 2, 3)]
    lists: dict[str, list[int]] = {"neg_category_ids": [], "not_exhaustive_category_ids": []}
    category = {"id": 1, "name": "kite", "frequency": "c", "image_count": 3, "instance_count": count}
    return {"images": [image | lists for image in images], "annotations": annotations, "categories": [category]}


def said(folder: Path, data: dict[str, Any]) -> list[str]:
    path = folder / "val.json"
    path.write_text(json.dumps(data))
    file = lvis.load(path)
    found = list(boxes_elsewhere(file, sample_masks(file)))
    for notes in (on_evaluation(file), on_file(file, True), on_file(file, False)):
        assert [note for note in notes if "not those of their masks" in note] == found
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_form_is_named(tmp_path: Path, name: str) -> None:
    data = content()
    for annotation in data["annotations"]:
        box = written(name, np.array([annotation["bbox"]]), np.array([SIZE], dtype=np.float64))
        annotation["bbox"] = box[0].tolist()
    (note,) = said(tmp_path, data)
    assert note.endswith(f"in pixels; these look like {name}")
    assert "of 60 boxes that were looked at" in note


@pytest.mark.parametrize(
    "size", [{"width": -1}, {"height": 0}, {"width": 1 << 40}, {"width": 1 << 20, "height": 1 << 20}]
)
def test_images_of_no_size_have_no_masks_to_look_at(tmp_path: Path, size: dict[str, int]) -> None:
    """Their size is a problem of its own; pycocotools fails on it, or needs memory without end."""
    data = content()
    data["images"][0] |= size
    assert said(tmp_path, data) == []
    assert len(sample_masks(lvis.load(tmp_path / "val.json")).row) == 40


def test_right_boxes_are_not_spoken_of(tmp_path: Path) -> None:
    data = content()
    assert said(tmp_path, data) == []
    for annotation in data["annotations"]:  # rounding, a mask that is cut off by the image, and what has no polygons
        annotation["bbox"] = [round(value) for value in annotation["bbox"]]
    data["annotations"][0] |= {"bbox": [190, 10, 10, 40], "segmentation": [[190, 10, 260, 10, 260, 50]]}
    runs = {"size": [SIZE[1], SIZE[0]], "counts": [0, 10, SIZE[0] * SIZE[1] - 10]}
    data["annotations"][1] |= {"segmentation": runs, "bbox": [0, 0, 1.4, 10]}
    data["annotations"][2] |= {"segmentation": [[7, 7, 7.5, 7, 7.5, 8]], "bbox": [7, 8, 0.4, 1.3]}
    data["annotations"][3]["segmentation"] = [[1, 2, 3, 4]]  # which is a problem of its own
    assert said(tmp_path, data) == []


def test_another_place_is_told_without_a_form(tmp_path: Path) -> None:
    data = content()
    data["annotations"][6]["bbox"] = [150, 100, 40, 40]
    (note,) = said(tmp_path, data)
    assert "1 are not those of their masks (e.g. annotation 7, image 2: bbox is [150, 100, 40, 40]" in note
    assert note.endswith("in pixels")
    data = content(300)
    data["annotations"][6]["bbox"] = [150, 100, 40, 40]
    assert said(tmp_path, data) == []  # one of 300 is an outlier


def test_a_file_without_annotations_has_no_boxes(tmp_path: Path) -> None:
    assert said(tmp_path, {**content(), "annotations": []}) == []


def drawn(annotation: dict[str, Any]) -> np.ndarray:
    """The pixels of an annotation's triangle, uint8 [height, width]."""
    pixels = coco_masks.decode(coco_masks.frPyObjects(annotation["segmentation"], SIZE[1], SIZE[0]))
    return np.asarray(pixels[..., 0])


def runs_of(flat: np.ndarray) -> dict[str, Any]:
    """Uncompressed run lengths of pixels in the order in which they are given, by a plain loop."""
    counts, last = [0], 0
    for value in flat.tolist():
        if value != last:
            counts.append(0)
            last = value
        counts[-1] += 1
    return {"size": [SIZE[1], SIZE[0]], "counts": counts}


def packed(runs: dict[str, Any]) -> dict[str, Any]:
    made = coco_masks.frPyObjects(runs, SIZE[1], SIZE[0])
    return {"size": runs["size"], "counts": made["counts"].decode()}


@pytest.mark.parametrize("pack", [dict, packed])
def test_boxes_are_compared_with_run_lengths_too(tmp_path: Path, pack: Callable[[dict[str, Any]], Any]) -> None:
    data = content()
    for annotation in data["annotations"]:
        annotation["segmentation"] = pack(runs_of(drawn(annotation).flatten(order="F")))
    assert said(tmp_path, data) == []
    for annotation in data["annotations"]:
        annotation["bbox"] = [value / 4 for value in annotation["bbox"]]
    (note,) = said(tmp_path, data)
    assert note.endswith("in pixels")


@pytest.mark.parametrize("pack", [dict, packed])
def test_runs_that_go_row_by_row_are_told(tmp_path: Path, pack: Callable[[dict[str, Any]], Any]) -> None:
    data = content()
    for annotation in data["annotations"]:
        annotation["segmentation"] = pack(runs_of(drawn(annotation).flatten(order="C")))
    (note,) = said(tmp_path, data)
    assert note.endswith("the run lengths look written row by row, and must go down the columns")


def test_polygons_in_shares_of_the_sides_are_told(tmp_path: Path) -> None:
    data = content()
    for annotation in data["annotations"]:
        (points,) = annotation["segmentation"]
        annotation["segmentation"] = [[value / SIZE[place % 2] for place, value in enumerate(points)]]
    (note,) = said(tmp_path, data)
    assert note.endswith("the polygons look like shares of the image's sides")


@pytest.mark.parametrize("polygon", [[10, 10, 10, 10, 10, 10], [-90, -80, -70, -80, -70, -60]])
def test_polygons_without_a_pixel_are_told(tmp_path: Path, polygon: list[float]) -> None:
    data = content()
    for annotation in data["annotations"]:
        annotation["segmentation"] = [polygon]
    (note,) = said(tmp_path, data)
    assert "nothing of its mask is in the image" in note


@pytest.mark.parametrize("has_masks", [True, False])
@pytest.mark.parametrize("factor", [4, 1 / (SIZE[0] * SIZE[1])])
def test_areas_in_other_units_are_told(tmp_path: Path, has_masks: bool, factor: float) -> None:
    data = content()
    path = tmp_path / "val.json"

    def notes() -> list[str]:
        path.write_text(json.dumps(data))
        file = lvis.load(path, masks=False)
        found = list(areas_elsewhere(file, sample_masks(file)))
        assert [note for note in on_evaluation(file) if "areas that were looked at" in note] == found
        return found

    for annotation in data["annotations"]:
        if has_masks:
            annotation["area"] = float(drawn(annotation).sum())
        else:
            del annotation["segmentation"]
    assert notes() == []
    for annotation in data["annotations"]:
        annotation["area"] *= factor
    (note,) = notes()
    assert f"not those of their {'masks' if has_masks else 'boxes'}" in note and "`lt_bench data convert`" in note

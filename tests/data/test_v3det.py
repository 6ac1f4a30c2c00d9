"""V3Det by name, from a miniature of its official files with all 13,204 classes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from exhaustive_form import both_forms
from v3det_form import CLASSES, OBJECTS, annotation_file, write_v3det

from lt_bench.cli import main
from lt_bench.data import dataset as datasets
from lt_bench.data.convert import writing
from lt_bench.errors import UserError
from lt_bench.evaluation.ap.average_precision import evaluate

SHOWN = (1, 2, 9, 5_000, 13_204)  # classes of the validation images


@pytest.fixture(scope="module")
def v3det(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the miniature; what is converted says once that it is exhaustive, as with all its images."""
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LT_BENCH_CACHE", str(folder / "cache"))
        patch.setenv("LT_BENCH_DATA", str(folder))
        patch.setattr(writing, "MOST_LISTED", 1000)
        yield write_v3det(folder / "V3Det")


def call(*arguments: Any) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)], catch_exceptions=False)


def test_it_is_found_converted_and_checked(v3det: Path) -> None:
    checked = call("data", "check", v3det, "--dataset", "v3det")
    assert checked.exit_code == 0 and "no problems" in checked.output, checked.output
    paths = datasets.find("v3det", None)
    assert paths.image_root == v3det and paths.val.name == "v3det_2023_v1_val.json"
    data = datasets.load(paths, masks=False)
    assert data.train.exhaustive and data.val.exhaustive and len(data.train.names) == CLASSES
    assert data.paths.val.stat().st_size < 1.2 * paths.val.stat().st_size
    shown = [(image, category) for image, row in enumerate(OBJECTS["train"]) for category in row]
    for category in data.val.categories[:10]:
        own = [image for image, shown_category in shown if shown_category == category["id"]]
        assert (category["image_count"], category["instance_count"]) == (len(set(own)), len(own))
    assert len(list(data.val.annotations)) == len(annotation_file("val")["annotations"])


def test_a_detector_of_masks_is_refused(v3det: Path) -> None:
    with pytest.raises(UserError, match="has boxes alone") as caught:
        datasets.load(datasets.find("v3det", v3det))
    assert "--detector faster_rcnn" in caught.value.remedy


def test_it_is_evaluated_as_lvis_api_does(v3det: Path, tmp_path: Path) -> None:
    """lvis-api is given lists, and only the classes that occur: it looks at each class in each image."""
    rng = np.random.default_rng(0)
    truth = annotation_file("val")
    found = [
        {"image_id": row["image_id"], "category_id": row["category_id"], "score": 0.5, "bbox": row["bbox"]}
        for row in truth["annotations"][1:]
    ]
    found += [
        {"image_id": image["id"], "category_id": category, "score": float(rng.random()), "bbox": [4.0, 6.0, 20.0, 24.0]}
        for image in truth["images"]
        for category in SHOWN
    ]
    path = tmp_path / "found.json"
    path.write_text(json.dumps(found), encoding="utf-8")
    paths = datasets.in_lvis_form(datasets.find("v3det", v3det), masks=False)[0]
    one = evaluate(paths.val, path, "bbox")
    few = {**truth, "categories": [{"id": key, "name": str(key), "frequency": "r"} for key in SHOWN]}
    for image in few["images"]:
        image["not_exhaustive_category_ids"] = []
    listed = tmp_path / "listed.json"
    listed.write_text(json.dumps(both_forms(few)[0]), encoding="utf-8")
    expected = evaluate(listed, path, "bbox", "lvis")
    assert one.metrics == expected.metrics and 0 < one.metrics["AP"] < 1
    np.testing.assert_array_equal(one.precision[:, :, [key - 1 for key in SHOWN]], expected.precision)
    told = call("eval", path, "--dataset", "v3det", "--data-root", v3det, "--box-only", "--csv", tmp_path / "ap.csv")
    assert told.exit_code == 0 and f"{100 * one.metrics['AP']:.2f}" in told.output, told.output
    assert len((tmp_path / "ap.csv").read_text(encoding="utf-8").splitlines()) == CLASSES + 1

"""Conversion to LVIS's form, against plain recounting, pycocotools, lvis-api and a reference set made by others."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coco_form import NAMES, coco_form, small_set, write_set
from pycocotools import mask as coco_masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from lt_bench.data.convert import coco
from lt_bench.data.convert.conversion import Converted, convert
from lt_bench.data.convert.options import CROWDS, Crowds, Options, parse_groups
from lt_bench.data.image_files import Split
from lt_bench.errors import UserError
from lt_bench.evaluation.ap.average_precision import EVALUATORS, Evaluator, evaluate_all

Content = dict[str, Any]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))


def converted(
    tmp_path: Path, content: Content | dict[str, Path], options: Options | None = None
) -> tuple[dict[str, Content], Converted]:
    """The LVIS files of COCO-form content (or of files), by split."""
    given = {
        split: one if isinstance(one, Path) else write_set(tmp_path, {split: one}, pictures=False)[split]
        for split, one in content.items()
    }
    paths: dict[Split, Path] = {split: tmp_path / "out" / f"{split}.json" for split in given}  # type: ignore[misc]
    done = convert(coco.sources(given), paths, options or Options())  # type: ignore[arg-type]
    return {split: json.loads(path.read_text(encoding="utf-8")) for split, path in paths.items()}, done


def test_counts_groups_and_negatives_are_those_of_a_plain_recount(tmp_path: Path) -> None:
    content = small_set()
    found, done = converted(tmp_path, content, Options(groups=(1, 2)))
    train = content["train"]["annotations"]
    for split, lvis in found.items():
        for category in lvis["categories"]:
            own = [each["image_id"] for each in train if each["category_id"] == category["id"]]
            assert category["instance_count"] == len(own)
            assert category["image_count"] == len(set(own))
            assert category["frequency"] == ("r" if len(set(own)) < 2 else "c" if len(set(own)) < 3 else "f")
        for image in lvis["images"]:
            shown = {each["category_id"] for each in content[split]["annotations"] if each["image_id"] == image["id"]}
            assert image["neg_category_ids"] == sorted(NAMES.keys() - shown)
            assert image["not_exhaustive_category_ids"] == []
        assert lvis["annotations"] == content[split]["annotations"]  # ids, boxes and masks as they were
        kept = [{key: image[key] for key in content[split]["images"][0]} for image in lvis["images"]]
        assert kept == content[split]["images"]
    assert [category["frequency"] for category in found["val"]["categories"]] == ["f", "c", "r", "r"]
    assert any("r up to 1 training images" in line for line in done.lines)


def test_groups_are_those_of_lvis_by_default(tmp_path: Path) -> None:
    content = {
        "train": coco_form(range(101), [(image, 5) for image in range(101)] + [(7, 3)] + [(k, 11) for k in range(11)])
    }
    found, _ = converted(tmp_path, content)
    groups = {category["id"]: category["frequency"] for category in found["train"]["categories"]}
    assert groups == {3: "r", 5: "f", 11: "c", 90: "r"}


def test_a_real_set_becomes_what_others_made_of_it(tmp_path: Path, shared: Path) -> None:
    """coco100 in COCO's own form: its counts, groups (r up to 2 images, c up to 6) and negatives are known."""
    given, known = {}, {}
    for split in ("train", "val"):
        path = shared / "reference" / "coco100" / "annotations" / f"lvis_v1_{split}.json"
        known[split] = json.loads(path.read_text(encoding="utf-8"))
        plain = json.loads(path.read_text(encoding="utf-8"))
        for image in plain["images"]:
            del image["neg_category_ids"], image["not_exhaustive_category_ids"]
        plain["categories"] = [{"id": each["id"], "name": each["name"]} for each in plain["categories"]]
        given[split] = plain
    found, _ = converted(tmp_path, given, Options(groups=(2, 6)))
    for split in ("train", "val"):
        for mine, reference in zip(found[split]["categories"], known[split]["categories"], strict=True):
            assert {key: reference[key] for key in mine} == mine
        for mine, reference in zip(found[split]["images"], known[split]["images"], strict=True):
            # crowds were left out of the reference, and their classes are in neither list
            unknown = set(mine["neg_category_ids"]) - set(reference["neg_category_ids"])
            assert unknown <= set(reference["not_exhaustive_category_ids"])
            assert set(reference["neg_category_ids"]) <= set(mine["neg_category_ids"])
        assert found[split]["annotations"] == known[split]["annotations"]


def test_lvis_ap_of_an_exhaustive_set_is_cocos_own(tmp_path: Path) -> None:
    """Of few detections and no crowds, LVIS's AP of exhaustive annotations is COCO's."""
    content, draw = small_set(), random.Random(3)
    detections = [
        {
            **{"image_id": image["id"], "category_id": category, "score": draw.random()},
            "bbox": [draw.uniform(0, 30), draw.uniform(0, 30), draw.uniform(10, 20), draw.uniform(12, 24)],
        }
        for image in content["val"]["images"]
        for category in NAMES
        for _ in range(3)
    ]
    detections += [
        {**{key: one[key] for key in ("image_id", "category_id", "bbox")}, "score": draw.random()}
        for one in content["val"]["annotations"]
    ]
    converted(tmp_path, content)
    predictions = tmp_path / "predictions.json"
    predictions.write_text(json.dumps(detections), encoding="utf-8")
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(tmp_path / "annotations" / "instances_val2017.json"))
        right = COCOeval(truth, truth.loadRes(str(predictions)), "bbox")
        right.evaluate()
        right.accumulate()
        right.summarize()
    assert 0.1 < right.stats[0] < 0.9
    for evaluator in EVALUATORS:
        metrics = evaluate_all(tmp_path / "out" / "val.json", predictions, ("bbox",), evaluator)["bbox"].metrics
        assert [metrics[name] for name in ("AP", "AP50", "AP75")] == pytest.approx(right.stats[:3].tolist(), abs=1e-12)


@pytest.mark.parametrize("evaluator", EVALUATORS)
@pytest.mark.parametrize(
    ("case", "crowds", "right"),
    [
        ("10-plain-coco", "ignore", 63.49),
        ("10b-empty-negatives", "ignore", 52.75),
        ("08-area-0", "ignore", 63.49),
        ("09-crowd", "objects", 63.49),
        ("09-crowd", "ignore", 66.1),  # lvis-api on the file with `ignore` set
        ("09-crowd", "drop", 66.89),  # and on the file without the region
    ],
)
def test_a_case_from_the_field_has_its_right_value(
    tmp_path: Path, case: str, crowds: Crowds, right: float, evaluator: Evaluator
) -> None:
    folder = Path(__file__).parents[1] / "cases" / case
    own = {split: folder / "annotations" / f"lvis_v1_{split}.json" for split in ("train", "val")}
    converted(tmp_path, own, Options(crowds=crowds))
    found = evaluate_all(tmp_path / "out" / "val.json", folder / "pred.json", ("bbox", "segm"), evaluator)
    assert {round(100 * result.metrics["AP"], 2) for result in found.values()} == {right}


@pytest.mark.parametrize("crowds", CROWDS)
def test_crowds(tmp_path: Path, crowds: Crowds) -> None:
    content = small_set()
    region = content["train"]["annotations"][12]  # (2, 5), the only object of that class in image 2
    region.update(iscrowd=1, segmentation={"size": [64, 64], "counts": [100, 50, 3946]}, area=50)
    found, _ = converted(tmp_path, content, Options(crowds=crowds))
    train = found["train"]
    counts = {category["id"]: category["instance_count"] for category in train["categories"]}
    image = next(image for image in train["images"] if image["id"] == 2)
    kept = [annotation for annotation in train["annotations"] if annotation["id"] == region["id"]]
    assert counts[5] == (2 if crowds == "objects" else 1)
    assert 5 not in image["neg_category_ids"]  # it is not absent
    assert image["not_exhaustive_category_ids"] == ([5] if crowds == "drop" else [])
    right = {"ignore": [{**region, "ignore": 1}], "objects": [{**region, "iscrowd": 0}], "drop": []}
    assert kept == right[crowds]


def test_missing_areas_are_those_of_the_masks_pixel_by_pixel(tmp_path: Path) -> None:
    content = {"train": small_set()["train"]}
    polygons, whole, packed, overlapping, box, outside = content["train"]["annotations"][:6]
    drawn = np.zeros((64, 64), dtype=np.uint8, order="F")
    drawn[10:20, 30:50] = 1
    runs = np.diff(np.flatnonzero(np.diff(drawn.reshape(-1, order="F"), prepend=0, append=0)), prepend=0).tolist()
    runs.append(64 * 64 - sum(runs))
    encoded = coco_masks.encode(drawn)
    whole["segmentation"] = {"size": [64, 64], "counts": runs}
    packed["segmentation"] = {"size": [64, 64], "counts": encoded["counts"].decode()}
    overlapping["segmentation"] = [[0, 0, 10, 0, 10, 10, 0, 10], [5, 0, 15, 0, 15, 10, 5, 10]]
    outside["segmentation"] = [[-0.5, 0, 10, 0, 10, 10, -0.5, 10]]
    del polygons["area"], box["segmentation"]
    for annotation, area in ((whole, None), (packed, 0), (overlapping, float("nan")), (box, -1), (outside, 0.0)):
        annotation["area"] = area
    found, done = converted(tmp_path, content)
    areas = [annotation["area"] for annotation in found["train"]["annotations"]]
    triangle = coco_masks.decode(coco_masks.frPyObjects(polygons["segmentation"], 64, 64)).sum()
    assert areas[:6] == [triangle, 200, 200, 150, 16 * 20, 100]
    assert set(areas[6:]) == {160.0}
    assert any("of 15 annotations, computed (5 from masks and 1 from boxes)" in line for line in done.lines)


def test_boxes_become_polygons_where_there_are_no_masks(tmp_path: Path) -> None:
    content = {"train": small_set()["train"]}
    without = content["train"]["annotations"][:3]
    del without[0]["segmentation"]
    without[1]["segmentation"], without[2]["segmentation"] = [], None
    found, done = converted(tmp_path, content)
    for annotation in found["train"]["annotations"][:3]:
        drawn = coco_masks.decode(coco_masks.frPyObjects(annotation["segmentation"], 64, 64))[..., 0]
        x, y, width, height = annotation["bbox"]
        assert drawn.sum() == width * height == drawn[y : y + height, x : x + width].sum()
    assert any("3 of 15 annotations have none; 3 polygons were made of boxes" in line for line in done.lines)
    found, done = converted(tmp_path, content, Options(masks_of_boxes=False))
    assert all("segmentation" not in annotation for annotation in found["train"]["annotations"][:3])
    assert not any("polygons" in line for line in done.lines)


def test_empty_polygons_are_no_masks(tmp_path: Path) -> None:
    content = {"train": small_set()["train"]}
    alone, beside = content["train"]["annotations"][:2]
    triangle = beside["segmentation"][0]
    alone["segmentation"], beside["segmentation"] = [[], []], [[], triangle, []]
    found, done = converted(tmp_path, content)
    x, y, width, height = alone["bbox"]
    box = [x, y, x + width, y, x + width, y + height, x, y + height]
    assert [one["segmentation"] for one in found["train"]["annotations"][:2]] == [[box], [triangle]]
    assert any("1 of 15 annotations have none" in line for line in done.lines)
    assert any("empty polygons beside others were left out of 1 annotations" in line for line in done.lines)


def test_a_federated_set_keeps_its_negatives(tmp_path: Path) -> None:
    content = small_set()
    for one in content.values():
        for image in one["images"]:
            image.update(neg_category_ids=[], not_exhaustive_category_ids=[3])
    content["val"]["images"][1]["neg_category_ids"] = [90]
    found, done = converted(tmp_path, content)
    for split, one in content.items():
        assert found[split]["images"] == one["images"]
    assert any("own neg_category_ids were kept" in line for line in done.lines)
    for image in content["val"]["images"]:
        image["neg_category_ids"] = []
    found, done = converted(tmp_path, content)
    assert found["val"]["images"][1]["neg_category_ids"] == [3, 11, 90]
    assert any("neg_category_ids is empty in every image" in line for line in done.lines)


def test_where_every_image_shows_every_class_nothing_is_said_to_be_listed(tmp_path: Path) -> None:
    content = {
        split: coco_form([number], [(number, key) for key in NAMES]) for split, number in (("train", 1), ("val", 2))
    }
    found, done = converted(tmp_path, content)
    assert [image["neg_category_ids"] for one in found.values() for image in one["images"]] == [[], []]
    assert sum("every image shows every class, so that none is absent" in line for line in done.lines) == 2
    assert not any("entries" in line for line in done.lines)


def test_groups_and_counts_that_a_file_has_are_kept_where_they_can_be(tmp_path: Path) -> None:
    content = small_set()
    for one in content.values():
        for category, group in zip(one["categories"], "rcfr", strict=True):
            category.update(frequency=group, image_count=70, instance_count=80)
    found, _ = converted(tmp_path, content)
    assert [each["frequency"] for each in found["val"]["categories"]] == list("rcfr")
    assert [each["image_count"] for each in found["val"]["categories"]] == [11, 2, 1, 0]
    found, done = converted(tmp_path / "alone", {"val": content["val"]})
    assert {each["image_count"] for each in found["val"]["categories"]} == {70}  # the training set's, as LVIS has it
    assert any("kept, as no training annotations were given" in line for line in done.lines)


def test_splits_get_one_list_of_classes(tmp_path: Path) -> None:
    content = small_set()
    content["val"]["categories"].pop(2)
    content["val"]["annotations"] = [one for one in content["val"]["annotations"] if one["category_id"] != 11]
    found, done = converted(tmp_path, content)
    assert found["train"]["categories"] == found["val"]["categories"]
    assert any(
        "1 categories that instances_val2017.json does not list were added, e.g. 11 ('wedge')" in line
        for line in done.lines
    )
    content["val"]["categories"][0]["name"] = "cat"
    with pytest.raises(UserError, match=r"category 3 has two names: 'disc' in instances_train2017\.json and 'cat' in"):
        converted(tmp_path, content)


def test_lists_of_one_file_alone_are_refused(tmp_path: Path) -> None:
    content = small_set()
    for image in content["train"]["images"]:
        image.update(neg_category_ids=[90], not_exhaustive_category_ids=[])
    with pytest.raises(UserError, match=r"train2017\.json lists absent classes .*val2017\.json has no such lists"):
        converted(tmp_path, content)
    for image in content["val"]["images"]:
        image.update(neg_category_ids=[], not_exhaustive_category_ids=[])
    found, _ = converted(tmp_path, content)  # of which nothing is known to be absent
    assert {tuple(image["neg_category_ids"]) for image in found["val"]["images"]} == {()}


@pytest.mark.parametrize(("section", "field"), [("categories", "name"), ("images", "file_name")])
def test_what_has_no_name_is_refused_by_the_name_of_its_file(tmp_path: Path, section: str, field: str) -> None:
    content = small_set()
    content["val"][section][1][field] = 7
    with pytest.raises(UserError, match=rf"annotations/instances_val2017\.json: .*{section}\[1\]: '{field}' is int"):
        converted(tmp_path, content)


def test_lists_that_some_images_lack_are_refused(tmp_path: Path) -> None:
    content = small_set()
    content["val"]["images"][2]["neg_category_ids"] = [90]
    with pytest.raises(UserError, match=r"3 of 4 images have no neg_category_ids, and the others do: .*id 21"):
        converted(tmp_path, content)


def test_packed_files_and_repeated_runs_give_the_same_bytes(tmp_path: Path) -> None:
    content = small_set()
    _, first = converted(tmp_path, content)
    packed = {}
    for split, one in content.items():
        packed[split] = tmp_path / f"{split}.json.gz"
        packed[split].write_bytes(gzip.compress(json.dumps(one).encode("utf-16")))
    _, second = converted(tmp_path / "again", packed)
    assert first.digests == second.digests


def test_annotations_of_what_is_not_listed_stay_for_the_check(tmp_path: Path) -> None:
    content = {"train": small_set()["train"]}
    lost, strange = content["train"]["annotations"][:2]
    lost.update(image_id=999, area=0)
    strange["category_id"] = 777
    found, _ = converted(tmp_path, content)
    assert found["train"]["annotations"][0] == {**lost, "area": 320}
    assert found["train"]["annotations"][1] == strange
    assert found["train"]["categories"][0]["instance_count"] == 10


@pytest.mark.parametrize(("text", "groups"), [("10,100", (10, 100)), (" 0 , 5", (0, 5))])
def test_groups(text: str, groups: tuple[int, int]) -> None:
    assert parse_groups(text) == groups


@pytest.mark.parametrize("text", ["10", "10,10", "100,10", "a,b", "-1,5", "1,2,3", ""])
def test_groups_that_are_none(text: str) -> None:
    with pytest.raises(UserError, match="--groups"):
        parse_groups(text)


@pytest.mark.parametrize("of_train", ["none", "one", "other"])
def test_frequency_groups_of_the_validation_file_hold(tmp_path: Path, of_train: str) -> None:
    """They are what is evaluated: `eval` of the file alone goes by them, and lvis-api does."""
    content, groups = small_set(), dict(zip(NAMES, "cfrf", strict=True))
    for category in content["val"]["categories"]:
        category["frequency"] = groups[category["id"]]
    train = content["train"]["categories"]
    for category in {"none": [], "one": train[:1], "other": train}[of_train]:
        category["frequency"] = "r"
    found, done = converted(tmp_path, content)
    for split in ("train", "val"):
        assert {category["id"]: category["frequency"] for category in found[split]["categories"]} == groups
    assert any(line == "frequency: instances_val2017.json's, not instances_train2017.json's" for line in done.lines), (
        done.lines
    )
    del content["val"]["categories"][0]["frequency"]
    for category in train:
        category.pop("frequency", None)
    found, done = converted(tmp_path / "partly", content)
    assert [category["frequency"] for category in found["val"]["categories"]] == ["c", "r", "r", "r"]
    assert any("the groups that some classes have are replaced" in line for line in done.lines)

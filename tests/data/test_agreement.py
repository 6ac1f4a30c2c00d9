"""Training and validation files that do not belong together, and what is said of those that may not."""

from __future__ import annotations

import copy
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from odd_files import HEIGHT, WIDTH, sound_content, write_images

from lt_bench.data import dataset as datasets
from lt_bench.data import lvis
from lt_bench.data.problem import CATEGORIES
from lt_bench.data.verify import Findings, check_both
from lt_bench.errors import UserError

Change = Callable[[dict[str, Any], dict[str, Any]], Any]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))
    write_images(tmp_path)
    return tmp_path


def write(root: Path, change: Change) -> list[Path]:
    train, val = (sound_content(split) for split in ("train", "val"))
    change(train, val)
    paths = []
    for split, content in (("train", train), ("val", val)):
        paths.append(root / f"lvis_v1_{split}.json")
        paths[-1].write_text(json.dumps(content))
    return paths


def check(root: Path, change: Change) -> Findings:
    train, val = map(lvis.load, write(root, change))
    return check_both(train, val, root)


def test_a_sound_data_set_has_neither_problems_nor_notes(root: Path) -> None:
    found = check(root, lambda train, val: None)
    assert (found.all(), found.notes) == ([], [])


def swap(train: dict[str, Any], val: dict[str, Any]) -> None:
    first, second = val["categories"][:2]
    first["name"], second["name"] = second["name"], first["name"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (swap, ["name is 'class1' in lvis_v1_train.json and 'class2' in lvis_v1_val.json"] * 1),
        (lambda train, val: val["categories"].append({**val["categories"][0], "id": 9}), ["lvis_v1_val.json alone"]),
        (
            lambda train, val: train["categories"].append({**val["categories"][0], "id": 9}),
            ["lvis_v1_train.json alone"],
        ),
    ],
)
def test_other_classes_are_a_problem_and_no_run_begins(root: Path, change: Change, said: list[str]) -> None:
    problems = check(root, change).problems["both"]
    assert {problem.kind for problem in problems} == {CATEGORIES}
    assert said[0] in problems[0].detail
    with pytest.raises(UserError, match=said[0]) as caught:
        datasets.load(datasets.find("lvis_v1", root))
    assert caught.value.remedy


def test_other_frequency_groups_are_said_and_those_of_val_hold(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    def change(train: dict[str, Any], val: dict[str, Any]) -> None:
        train["categories"][2]["frequency"] = "r"

    (note,) = check(root, change).notes
    assert "1 of 3 classes" in note and "category 5 ('class5'): frequency is 'r' and 'f'" in note
    with caplog.at_level(logging.WARNING, "lt_bench.data"):
        data = datasets.load(datasets.find("lvis_v1", root))
    assert [category["frequency"] for category in data.train.categories] == ["r", "c", "f"]
    assert note in caplog.text


def every(split: int, section: str, **values: Any) -> Change:
    return lambda *contents: [entry.update(values) for entry in contents[split][section]]


def one(split: int, section: str, index: int, **values: Any) -> Change:
    return lambda *contents: contents[split][section][index].update(values)


def again(split: int) -> Change:
    def change(*contents: dict[str, Any]) -> None:
        annotations = contents[split]["annotations"]
        annotations.append({**copy.deepcopy(annotations[1]), "id": 99})
        if split == 0:
            contents[0]["categories"][1]["instance_count"] += 1

    return change


RLE = {"size": [HEIGHT, WIDTH], "counts": [0, WIDTH * HEIGHT]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (every(1, "images", neg_category_ids=[]), ["val.json: neg_category_ids is empty in all 2 images"]),
        (every(0, "images", neg_category_ids=[]), []),  # it is no matter of training
        (one(0, "annotations", 0, iscrowd=1, segmentation=RLE), ["train.json: 1 annotation has iscrowd set"]),
        (
            every(1, "annotations", iscrowd=1),
            ["5 annotations have iscrowd set (e.g. annotation 1, image 101), which lvis"],
        ),
        (one(1, "annotations", 2, ignore=1), ["1 annotation has ignore set (e.g. annotation 3, image 102)"]),
        (
            one(1, "annotations", 2, segmentation=[[0, 0, 60, 0, 60, 30]]),
            ["are not those of their masks (e.g. annotation 3, image 102", "partly outside the image"],
        ),
        (
            one(0, "annotations", 2, bbox=[1, 1, 0.5, 5]),
            ["under a pixel wide or high (e.g. annotation 3, image 2)", "are not those of their masks"],
        ),
        (
            again(0),
            ["train.json: 1 annotation has all but the id in common with another (e.g. annotation 99, image 1)"],
        ),
        (again(1), ["val.json: 1 annotation has all but the id in common with another"]),
        (
            lambda train, val: [content["categories"][2].update(name="class1") for content in (train, val)],
            ["train.json: 2 categories are called 'class1'", "val.json: 2 categories are called 'class1'"],
        ),
        (
            lambda train, val: val["images"].append({**val["images"][0], "id": 999}),
            ["val (lvis_v1_val.json): pictures that are listed more than once: 1, e.g. images 101 and 999"],
        ),
    ],
)
def test_what_may_not_be_as_it_was_meant_is_said(root: Path, change: Change, said: list[str]) -> None:
    found = check(root, change)
    assert found.all() == []
    assert len(found.notes) == len(said)
    for words, note in zip(said, found.notes, strict=True):
        assert words in note


def test_an_area_that_hides_a_class_is_said_where_it_is_evaluated(root: Path) -> None:
    from lt_bench.data.notes import on_evaluation

    _, val = write(root, one(1, "annotations", 4, area=0))
    (note,) = on_evaluation(lvis.load(val))
    assert "1 annotation has an area of 0" in note and "classes without any others: 1, e.g. 'class5'" in note


@pytest.mark.parametrize("read", [True, False])
def test_a_picture_in_both_splits_is_said(root: Path, read: bool) -> None:
    shutil.copyfile(root / "train2017" / "2.jpg", root / "val2017" / "101.jpg")
    train, val = map(lvis.load, write(root, lambda train, val: None))
    found = check_both(train, val, root, read_images=read)
    assert found.all() == []
    assert len(found.notes) == read
    if read:
        assert "have in common: 1, e.g. images 2 (train2017/2.jpg) and 101 (val2017/101.jpg)" in found.notes[0]


def test_notes_of_a_check_that_was_passed_are_said_at_each_run(
    root: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root, every(1, "images", neg_category_ids=[]))
    data = datasets.load(datasets.find("lvis_v1", root))
    for _ in range(2):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "lt_bench.data"):
            datasets.verify(data)
        assert "neg_category_ids is empty" in caplog.text
        monkeypatch.setattr("lt_bench.data.verify.check_both", lambda *given, **options: pytest.fail("checked again"))


def test_many_names_of_several_categories_are_a_few_notes(root: Path) -> None:
    def double(*contents: dict[str, Any]) -> None:
        twin = {**contents[0]["categories"][0], "image_count": 0, "instance_count": 0}
        for content in contents:
            content["categories"] += [{**twin, "id": 100 + n, "name": f"twin {n // 2}"} for n in range(16)]

    notes = check(root, double).notes
    assert [note for note in notes if "train" in note] == [
        *(f"lvis_v1_train.json: 2 categories are called 'twin {n}'" for n in range(5)),
        "lvis_v1_train.json: 3 more names are those of several categories",
    ]

"""Exhaustive sets of many classes are converted without lists of what is absent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from coco_form import small_set, write_set

from lt_bench.data import notes
from lt_bench.data.content import problems
from lt_bench.data.convert import coco, writing
from lt_bench.data.convert.conversion import convert
from lt_bench.data.convert.in_place import in_lvis_form
from lt_bench.data.convert.options import CROWDS, Crowds, Options
from lt_bench.data.image_files import Split
from lt_bench.data.lvis import load


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))


def converted(given: dict[Split, Path], out: Path, options: Options) -> tuple[dict[Split, Path], list[str]]:
    paths: dict[Split, Path] = {split: out / f"{split}.json" for split in given}
    return paths, convert(coco.sources(given), paths, options).lines


@pytest.mark.parametrize("crowds", CROWDS)
def test_it_is_the_listed_file_but_for_the_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crowds: Crowds
) -> None:
    content = small_set()
    content["val"]["annotations"][4]["iscrowd"] = 1
    given: Any = write_set(tmp_path, content, pictures=False)
    options = Options(crowds=crowds)
    listed, _ = converted(given, tmp_path / "listed", options)
    absent = 4 * 4 - 5  # of the validation set, 4 images of 4 classes
    monkeypatch.setattr(writing, "MOST_LISTED", absent)
    found, lines = converted(given, tmp_path / "said", options)
    assert found["val"].read_bytes() == listed["val"].read_bytes()
    monkeypatch.setattr(writing, "MOST_LISTED", absent - 1)
    found, lines = converted(given, tmp_path / "said", options)
    for split, path in found.items():
        expected: Any = json.loads(listed[split].read_text(encoding="utf-8"))
        said = json.loads(path.read_text(encoding="utf-8"))
        assert said.pop("exhaustive") is True
        assert [image.pop("neg_category_ids") for image in expected["images"]]
        assert said == expected
        file = load(path)
        assert not list(problems(file, split == "train"))
        assert not [note for note in notes.on_evaluation(file) if "neg_category_ids" in note]
    (line,) = (line for line in lines if f"Instead of {absent:,} entries in neg_category_ids" in line)
    assert "lvis-api does not" in line


def test_it_is_taken_as_it_is_and_can_be_converted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: Any = write_set(tmp_path, small_set(), pictures=False)
    listed, _ = converted(given, tmp_path / "listed", Options())
    monkeypatch.setattr(writing, "MOST_LISTED", 0)
    said, _ = converted(given, tmp_path / "said", Options())
    assert in_lvis_form(said, Options()).paths == said
    again, _ = converted(said, tmp_path / "again", Options())
    monkeypatch.undo()
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))
    back, _ = converted(said, tmp_path / "back", Options())
    for split in said:
        assert again[split].read_bytes() == said[split].read_bytes()
        assert json.loads(back[split].read_bytes()) == json.loads(listed[split].read_bytes())


def test_what_a_file_says_of_itself_holds_beside_a_federated_one(tmp_path: Path) -> None:
    """Of which only the lists say what is absent."""
    given: Any = write_set(tmp_path, small_set(), pictures=False)
    train, val = (json.loads(given[split].read_text(encoding="utf-8")) for split in ("train", "val"))
    for image in train["images"]:
        image["neg_category_ids"] = [90]
    given["train"].write_text(json.dumps(train), encoding="utf-8")
    given["val"].write_text(json.dumps({**val, "exhaustive": True}), encoding="utf-8")
    found, _ = converted(given, tmp_path / "out", Options())
    files = {split: json.loads(path.read_text(encoding="utf-8")) for split, path in found.items()}
    assert {tuple(image["neg_category_ids"]) for image in files["train"]["images"]} == {(90,)}
    assert [image["neg_category_ids"] for image in files["val"]["images"]] == [
        [5, 11, 90],
        [3, 11, 90],
        [3, 5, 90],
        [5, 11],
    ]

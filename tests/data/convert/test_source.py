"""The seam: whatever form a source is from, its LVIS file is what a plain recount says."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lt_bench.data.convert.conversion import convert
from lt_bench.data.convert.forms import FORMS
from lt_bench.data.convert.options import CROWDS, FORM_NAMES, Options
from lt_bench.data.convert.source import Source
from lt_bench.data.image_files import Split
from lt_bench.data.lvis import load
from lt_bench.data.verify import content

Entry = dict[str, Any]
IMAGES, CLASSES = (4, 9, 2), (1, 6, 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("converted")


def made(split: Split, objects: list[tuple[int, int, bool]], exhaustive: bool) -> tuple[Source, list[Entry]]:
    """A source in memory, and its annotations. objects: image, class, and whether it is a crowd."""
    annotations = [
        {
            **{"id": number, "image_id": image, "category_id": category, "iscrowd": int(is_crowd)},
            **{"bbox": [1, 2, 3, 4], "area": 12, "segmentation": [[1, 2, 4, 2, 4, 6]]},
        }
        for number, (image, category, is_crowd) in enumerate(objects)
    ]
    images = [{"id": key, "width": 20, "height": 30, "file_name": f"{key}.png"} for key in IMAGES]
    categories = [{"id": key, "name": f"class {key}"} for key in CLASSES]
    source = Source(
        split=split,
        name=f"{split} in memory",
        files={},
        categories=categories,
        images=lambda: iter(copy.deepcopy(images)),
        annotations=lambda: iter(copy.deepcopy(annotations)),
        exhaustive=exhaustive,
    )
    return source, annotations


objects = st.lists(st.tuples(st.sampled_from(IMAGES), st.sampled_from(CLASSES), st.booleans()), max_size=8)


@settings(suppress_health_check=list(HealthCheck))
@given(objects, objects, st.booleans(), st.sampled_from(CROWDS), st.integers(0, 2))
def test_any_source(
    folder: Path,
    train: list[tuple[int, int, bool]],
    val: list[tuple[int, int, bool]],
    exhaustive: bool,
    crowds: Any,
    rare: int,
) -> None:
    sources = {"train": made("train", train, exhaustive), "val": made("val", val, exhaustive)}
    paths: dict[Split, Path] = {"train": folder / "train.json", "val": folder / "val.json"}
    convert([source for source, _ in sources.values()], paths, Options(crowds, (rare, rare + 1)))
    for split, (_, given_annotations) in sources.items():
        found = json.loads(paths[split].read_bytes())  # type: ignore[index]
        for category in found["categories"]:
            counted = [
                image
                for image, key, is_crowd in train
                if key == category["id"] and (crowds == "objects" or not is_crowd)
            ]
            images = len(set(counted))
            assert (category["image_count"], category["instance_count"]) == (images, len(counted))
            assert category["frequency"] == ("r" if images <= rare else "c" if images == rare + 1 else "f")
        for image in found["images"]:
            own = [each for each in given_annotations if each["image_id"] == image["id"]]
            shown = {each["category_id"] for each in own}
            dropped = {each["category_id"] for each in own if each["iscrowd"] and crowds == "drop"}
            assert set(image["neg_category_ids"]) == (set(CLASSES) - shown if exhaustive else set())
            assert set(image["not_exhaustive_category_ids"]) == dropped
        kept = [each for each in given_annotations if not (each["iscrowd"] and crowds == "drop")]
        assert [each["id"] for each in found["annotations"]] == [each["id"] for each in kept]
        ignored = [each["id"] for each in found["annotations"] if each.get("ignore")]
        assert ignored == [each["id"] for each in given_annotations if each["iscrowd"] and crowds == "ignore"]
    problems = {problem.kind for problem in content.problems(load(paths["train"]), is_train=True)}
    assert problems <= {"nothing to train on"}


def test_the_command_line_names_every_form() -> None:
    assert sorted(FORM_NAMES) == sorted(FORMS)

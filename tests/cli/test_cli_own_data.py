"""--groups and --crowds where annotations are converted in place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from coco_form import small_set, write_set

from lt_bench.cli import main
from lt_bench.cli.own_data import data_paths
from lt_bench.data.dataset import in_lvis_form
from lt_bench.data.find_known import find

ASKED = ("--groups", "1,2", "--crowds", "drop")


@pytest.fixture
def coco(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A COCO-form set with a crowd in each split, in the folder `coco` of the current one."""
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    content = small_set()
    for one in content.values():
        one["annotations"][1]["iscrowd"] = 1
    return write_set(tmp_path / "coco", content)


def call(*arguments: Any) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)], catch_exceptions=False)


def files(coco: dict[str, Path]) -> tuple[Any, ...]:
    return ("--train-annotations", coco["train"], "--val-annotations", coco["val"])


def test_they_give_the_bytes_of_data_convert(coco: dict[str, Path]) -> None:
    assert call("data", "convert", "coco", "--out", "out", *ASKED).exit_code == 0
    own = data_paths(None, None, coco["train"], coco["val"], Path("coco"), "mine", "1,2", "drop")
    written, (in_place, said) = find("lvis_v1", Path("out")), in_lvis_form(own)
    assert in_place.train.read_bytes() == written.train.read_bytes()
    assert in_place.val.read_bytes() == written.val.read_bytes()
    assert any("r up to 1 training images, c up to 2" in line for line in said)
    assert in_place.check_command().endswith("--images coco --groups 1,2 --crowds drop")


def test_check_and_eval_take_them(coco: dict[str, Path]) -> None:
    plain, asked = (call("data", "check", *files(coco), *options) for options in ((), ASKED))
    assert plain.exit_code == asked.exit_code == 0, asked.output
    assert "r up to 10" in plain.output and "ignored (ignore: 1)" in plain.output
    assert "r up to 1 " in asked.output and "left out" in asked.output
    truth = json.loads(coco["val"].read_text(encoding="utf-8"))["annotations"]
    crowd = truth[1]
    # Two detections in a region with several objects: one is forgiven by default, both where its class is left open.
    inside = {"image_id": crowd["image_id"], "category_id": crowd["category_id"]}
    found = [{**inside, "bbox": crowd["bbox"], "score": 0.9}, {**inside, "bbox": [40, 40, 9, 9], "score": 0.8}]
    found.append({"image_id": 23, "category_id": 11, "bbox": truth[2]["bbox"], "score": 0.9})
    Path("found.json").write_text(json.dumps(found), encoding="utf-8")
    by_group = {}
    for options in ((), ASKED):
        truths = ("--annotations", coco["val"], "--train-annotations", coco["train"], "--box-only")
        done = call("eval", "found.json", *truths, *options)
        assert done.exit_code == 0, done.output
        by_group[options] = done.stdout
    assert by_group[()] != by_group[ASKED]


@pytest.mark.parametrize("option", [("--groups", "1,2"), ("--crowds", "ignore")])
def test_they_are_refused_where_nothing_is_converted(coco: dict[str, Path], option: tuple[str, str]) -> None:
    call("data", "convert", "coco", "--out", "out")
    made = [f"out/annotations/lvis_v1_{split}.json" for split in ("train", "val")]
    own = ("--train-annotations", made[0], "--val-annotations", made[1], "--images", "coco")
    Path("found.json").write_text("[]", encoding="utf-8")
    of_coco = "--groups and --crowds are for"
    for command in (
        ("data", "check", *own, *option),
        ("run", "--loss", "ce", *own, "--dataset-name", "mine", *option),
        ("eval", "found.json", "--annotations", made[1], *option),
        ("data", "check", "out", *option),
        ("run", "--loss", "ce", "--dataset", "glyphs", *option),
        ("eval", "found.json", "--dataset", "lvis_v1", "--data-root", "out", *option),
    ):
        done = call(*command)
        assert done.exit_code == 2 and of_coco in done.output, (command, done.output)


def test_groups_that_are_none_are_refused(coco: dict[str, Path]) -> None:
    done = call("data", "check", *files(coco), "--groups", "9")
    assert done.exit_code == 2 and "--groups '9' is not two whole numbers" in done.output

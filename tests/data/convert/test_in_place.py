"""Conversion behind the scenes."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from coco_form import small_set, write_set
from experiments import write_annotations

from lt_bench.data import dataset as datasets
from lt_bench.data import lvis, own
from lt_bench.data.convert import coco, in_place
from lt_bench.data.convert.conversion import convert
from lt_bench.data.convert.in_place import in_lvis_form
from lt_bench.data.convert.options import Options
from lt_bench.data.image_files import Split
from lt_bench.errors import UserError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def pair(root: Path) -> dict[Split, Path]:
    return write_set(root, small_set(), pictures=False)  # type: ignore[return-value]


def test_it_is_what_data_convert_writes_and_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = pair(tmp_path)
    found = in_lvis_form(given, Options())
    out: dict[Split, Path] = {"train": tmp_path / "train.json", "val": tmp_path / "val.json"}
    assert list(found.lines) == convert(coco.sources(given), out, Options()).lines
    for split, path in found.paths.items():
        assert path.read_bytes() == out[split].read_bytes()
        assert path.name == given[split].name  # messages name it
    monkeypatch.delattr("lt_bench.data.convert.in_place.convert")
    assert in_lvis_form(given, Options()) == found


def test_why_is_said_once_for_files_that_lack_the_same(tmp_path: Path) -> None:
    given = pair(tmp_path)
    files = "instances_train2017.json and instances_val2017.json"
    assert in_lvis_form(given, Options()).why == f"{files} are in COCO's form"
    alike: dict[Split, Path] = {"train": tmp_path / "train" / "a.json", "val": tmp_path / "valid" / "a.json"}
    for split, path in alike.items():
        path.parent.mkdir()
        shutil.copy(given[split], path)
    assert in_lvis_form(alike, Options()).why == "train/a.json and valid/a.json are in COCO's form"
    both: dict[Split, list[str]] = {"train": ["categories.frequency"], "val": ["images.neg_category_ids"]}
    assert in_place._why(given, both) == (
        "instances_train2017.json lacks frequency of LVIS's form; instances_val2017.json is in COCO's form"
    )


def test_what_is_in_lvis_form_is_used_as_it_is(tmp_path: Path, cache: Path) -> None:
    paths = write_annotations(tmp_path)
    given: dict[Split, Path] = {"train": paths.train, "val": paths.val}
    assert in_lvis_form(given, Options()) == type(in_lvis_form(given, Options()))(given, ())
    assert not (cache / "converted").exists()


def test_what_lacks_only_what_training_needs_is_evaluated_as_it_is(tmp_path: Path) -> None:
    paths = write_annotations(tmp_path)
    content = json.loads(paths.val.read_text(encoding="utf-8"))
    for category in content["categories"]:
        del category["image_count"]
    paths.val.write_text(json.dumps(content), encoding="utf-8")
    assert in_lvis_form({"val": paths.val}, Options(), to_evaluate=True).paths == {"val": paths.val}
    found = in_lvis_form({"train": paths.train, "val": paths.val}, Options())
    assert found.why == "lvis_v1_val.json lacks image_count of LVIS's form"
    for category in content["categories"]:
        del category["frequency"]
    paths.val.write_text(json.dumps(content), encoding="utf-8")
    assert in_lvis_form({"val": paths.val}, Options(), to_evaluate=True).paths != {"val": paths.val}


def test_what_only_some_entries_lack_is_a_fault(tmp_path: Path) -> None:
    paths = write_annotations(tmp_path)
    content = json.loads(paths.val.read_text(encoding="utf-8"))
    del content["categories"][1]["frequency"]
    paths.val.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError, match="'frequency'"):
        datasets.load(paths)


def test_other_content_options_or_a_lost_file_make_it_anew(tmp_path: Path) -> None:
    given = pair(tmp_path)
    first = in_lvis_form(given, Options())
    assert in_lvis_form(given, Options(crowds="drop")).paths != first.paths
    first.paths["val"].unlink()
    assert in_lvis_form(given, Options()) == first
    assert first.paths["val"].is_file()
    given["val"].write_text(given["val"].read_text(encoding="utf-8").replace("wedge", "edge"), encoding="utf-8")
    with pytest.raises(UserError, match="two names"):
        in_lvis_form(given, Options())


def test_what_nobody_used_for_long_is_dropped(tmp_path: Path) -> None:
    old, new = (in_lvis_form(pair(tmp_path), options) for options in (Options(crowds="drop"), Options()))
    folder = old.paths["val"].parents[1]
    long_ago = time.time() - 100 * 86400
    os.utime(folder / "report.json", (long_ago, long_ago))
    in_lvis_form(pair(tmp_path), Options())
    assert not folder.exists()
    assert new.paths["val"].is_file()


def test_a_cache_that_can_not_be_written_is_named(tmp_path: Path, cache: Path) -> None:
    given = pair(tmp_path)
    cache.mkdir()
    (cache / "converted").write_text("a file", encoding="utf-8")
    with pytest.raises(UserError, match="converted") as caught:
        in_lvis_form(given, Options())
    assert "LT_BENCH_CACHE" in caught.value.remedy and "data convert" in caught.value.remedy


def test_a_pair_of_one_s_own_is_loaded_checked_and_says_what_it_assumed(tmp_path: Path) -> None:
    paths = write_set(tmp_path, small_set())
    data = datasets.load(own.find("my_data", paths["train"], paths["val"], None))
    datasets.verify(data)
    assert data.paths.is_own and data.paths.image_root == tmp_path
    assert data.train.categories[0]["image_count"] == 11
    assert any("taken for exhaustive" in line for line in data.assumed)
    (tmp_path / "val2017" / "000000000021.png").unlink()
    with pytest.raises(UserError, match=r"instances_val2017\.json: image 21") as caught:
        datasets.verify(data)
    assert f"--val-annotations {paths['val']} --images {tmp_path}" in caught.value.remedy


def test_a_crowd_that_is_ignored_is_neither_trained_on_nor_counted(tmp_path: Path) -> None:
    content = small_set()
    content["train"]["annotations"][12]["iscrowd"] = 1
    paths = write_set(tmp_path, content)
    data = datasets.load(own.find("my_data", paths["train"], paths["val"], None))
    datasets.verify(data)
    assert data.train.columns["usable"].tolist() == [place != 12 for place in range(15)]


@pytest.mark.parametrize("name", ["lvis_v1", "glyphs", "glyphs-mine", "LVIS_v2", "", "a b", "../x", ".x", "x" * 41])
def test_names_that_a_data_set_can_not_have(name: str) -> None:
    with pytest.raises(UserError, match="--dataset-name"):
        own.check_name(name)


def test_paths_that_are_not_there_are_named(tmp_path: Path) -> None:
    paths = write_annotations(tmp_path / "deep" / "er" / "annotations")
    with pytest.raises(UserError, match=r"--val-annotations nowhere\.json"):
        own.find("mine", paths.train, Path("nowhere.json"), None)
    with pytest.raises(UserError, match="--images nowhere"):
        own.find("mine", paths.train, paths.val, Path("nowhere"))
    with pytest.raises(UserError, match=r"no images were found in .*annotations, ") as caught:
        own.find("mine", paths.train, paths.val, None)
    assert "--images" in caught.value.remedy
    assert lvis.DataPaths("lvis_v1", paths.train, paths.val, tmp_path).check_command().endswith("--dataset lvis_v1")

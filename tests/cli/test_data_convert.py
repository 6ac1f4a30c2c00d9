"""`data convert`, and the verbs that take what it takes without it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from coco_form import small_set, write_set
from pycocotools import mask as coco_masks

from lt_bench.cli import main
from lt_bench.data.dataset import in_lvis_form
from lt_bench.data.find_known import find
from lt_bench.data.lvis import DataPaths


@pytest.fixture
def coco(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Files of a COCO-form set with its pictures, in the folder `coco` of the current one."""
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return write_set(tmp_path / "coco", small_set())


def call(*arguments: Any) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)], catch_exceptions=False)


def test_convert_then_check(coco: dict[str, Path], tmp_path: Path) -> None:
    done = call("data", "convert", "coco", "--out", "deep/out", "--groups", "1,2")
    assert done.exit_code == 0, done.output
    report = json.loads(Path("deep/out/conversion.json").read_text(encoding="utf-8"))
    assert all(line in done.output for line in report["changed"])
    assert report["images"] == str(tmp_path / "coco")
    assert report["options"] == {"crowds": "ignore", "groups": [1, 2], "masks_of_boxes": True}
    assert set(report["inputs"]) == {str(path) for path in coco.values()}
    checked = call("data", "check", "deep/out")  # the images are where they were
    assert checked.exit_code == 0, checked.output
    assert "no problems" in checked.output
    assert find("lvis_v1", Path("deep/out")).image_root == tmp_path / "coco"
    shutil.copytree("coco/train2017", "deep/out/train2017")
    shutil.copytree("coco/val2017", "deep/out/val2017")
    assert find("lvis_v1", Path("deep/out")).image_root == Path("deep/out")  # images of its own come first
    assert call("data", "check", "deep/out").exit_code == 0


def test_convert_says_what_the_check_will_refuse(coco: dict[str, Path]) -> None:
    done = call("data", "convert", "coco", "--out", "sound")
    assert "problems" not in done.output
    content = json.loads(coco["val"].read_text(encoding="utf-8"))
    for annotation in content["annotations"][:2]:
        annotation["iscrowd"] = "0"
    coco["val"].write_text(json.dumps(content), encoding="utf-8")
    done = call("data", "convert", "coco", "--out", "odd")
    assert done.exit_code == 0
    assert "problems that are left: 2, e.g. lvis_v1_val.json: iscrowd or ignore that is neither 0 nor 1" in done.output
    checked = call("data", "check", "odd")
    assert checked.exit_code == 1 and "iscrowd is '0', expected 0 or 1" in checked.output


def test_convert_beside_the_originals(coco: dict[str, Path]) -> None:
    assert call("data", "convert", *coco.values(), "--out", "coco").exit_code == 0
    assert json.loads(Path("coco/conversion.json").read_text(encoding="utf-8"))["images"] is None
    assert call("data", "check", "coco").exit_code == 0
    again = call("data", "convert", "coco", "--out", "coco")  # COCO's own files, and not what was made of them
    assert again.exit_code == 0, again.output
    assert "train: instances_train2017.json" in again.output


def test_no_file_is_replaced_by_what_is_made_of_it(coco: dict[str, Path]) -> None:
    for split, path in coco.items():
        path.rename(path.with_name(f"lvis_v1_{split}.json"))
    before = Path("coco/annotations/lvis_v1_train.json").read_bytes()
    done = call("data", "convert", "coco", "--out", "coco")
    assert done.exit_code == 2
    assert "would replace" in done.output
    assert Path("coco/annotations/lvis_v1_train.json").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere: no such file or folder"),
        (["coco", "--images", "nowhere"], "--images nowhere: no such folder"),
        (["coco", "--groups", "100,10"], "--groups 100,10"),
        (["coco", "--crowds", "all"], "--crowds"),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(coco: dict[str, Path], arguments: list[str], said: str) -> None:
    done = call("data", "convert", *arguments, "--out", "out")
    assert done.exit_code == 2
    assert said in done.output
    assert not Path("out").exists()


def test_check_without_converting(coco: dict[str, Path]) -> None:
    own = ("--train-annotations", coco["train"], "--val-annotations", coco["val"])
    done = call("data", "check", *own)
    assert done.exit_code == 0, done.output
    assert "in COCO's form" in done.output and f"{coco['val']}: 4 classes, 4 images, 6 annotations" in done.output
    Path("coco/val2017/000000000021.png").unlink()
    done = call("data", "check", *own, "--images", "coco")
    assert done.exit_code == 1
    assert "missing image: image 21" in done.output
    assert call("data", "check").exit_code == 2


def test_check_takes_cocos_form_under_lvis_names(coco: dict[str, Path]) -> None:
    for split, path in coco.items():
        path.rename(path.with_name(f"lvis_v1_{split}.json"))
    done = call("data", "check", "coco")
    assert done.exit_code == 0, done.output
    assert "in COCO's form" in done.output


def test_eval_takes_cocos_form_and_says_whose_rules_hold(coco: dict[str, Path], tmp_path: Path) -> None:
    content = json.loads(coco["val"].read_text(encoding="utf-8"))
    found = []
    for one in content["annotations"]:
        (runs,) = coco_masks.frPyObjects(one["segmentation"], 64, 64)
        mask = {"size": [64, 64], "counts": runs["counts"].decode()}
        found.append(
            {key: one[key] for key in ("image_id", "category_id", "bbox")} | {"segmentation": mask, "score": 0.9}
        )
    wrong = {**found[0], "category_id": 90, "score": 0.99}  # of a class that its image does not show
    Path("found.json").write_text(json.dumps([*found, wrong]), encoding="utf-8")
    call("data", "convert", "coco", "--out", "out")
    right = call("eval", "found.json", "--annotations", "out/annotations/lvis_v1_val.json")
    done = call("eval", "found.json", "--annotations", coco["val"], "--train-annotations", coco["train"])
    assert done.exit_code == 0, done.output
    assert "evaluated by LVIS's rules" in done.output
    assert done.stdout.endswith(right.stdout)
    assert " 87.50 " in right.stdout  # of four classes three are found, of the fourth half at once
    alone = call("eval", "found.json", "--annotations", coco["val"])
    assert "name the training set's with --train-annotations" in alone.output
    for one in content["annotations"]:
        del one["segmentation"]
    coco["val"].write_text(json.dumps(content), encoding="utf-8")
    assert call("eval", "found.json", "--annotations", coco["val"], "--box-only").exit_code == 0
    alone = call("eval", "found.json", "--annotations", coco["val"])
    assert alone.exit_code == 0 and "mask" not in alone.stdout  # boxes are no masks to measure on
    masks = call("eval", "found.json", "--annotations", coco["val"], "--mask-only")
    assert masks.exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--train-annotations", "A.json"], "needs --val-annotations and --dataset-name too"),
        (["--dataset-name", "mine"], "needs --train-annotations and --val-annotations too"),
        (["--dataset", "lvis_v1"], "--dataset names another data set"),
        (["--data-root", "coco"], "--data-root names another data set"),
        (["--dataset-name", "lvis_v1"], "the name of another data set"),
    ],
)
@pytest.mark.parametrize("verb", ["run", "features"])
def test_options_of_own_data_that_do_not_fit(coco: dict[str, Path], verb: str, arguments: list[str], said: str) -> None:
    own: list[Any] = ["--train-annotations", coco["train"], "--val-annotations", coco["val"], "--dataset-name", "mine"]
    if arguments[0] in ("--dataset", "--data-root"):
        arguments = [*own, *arguments]
    elif arguments[-1] == "lvis_v1":
        arguments = [*own[:-2], *arguments]
    Path("checkpoint.pth").write_bytes(b"")
    first = ["run", "--loss", "ce"] if verb == "run" else ["features", "checkpoint.pth", "--out", "features"]
    done = call(*first, *arguments)
    assert done.exit_code == 2
    assert said in done.output


@pytest.mark.parametrize("arguments", [["data", "check", "coco"], ["doctor", "--look-only", "--data-root", "coco"]])
def test_who_looks_for_lvis_is_told_how_to_use_what_is_there(coco: dict[str, Path], arguments: list[str]) -> None:
    done = call(*arguments)
    files = ("coco/annotations/instances_train2017.json", "coco/annotations/instances_val2017.json")
    assert f"--train-annotations {files[0]} --val-annotations {files[1]} --images coco" in done.output


def test_boxes_alone_stay_boxes_where_that_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    content = small_set()
    for one in content.values():
        for annotation in one["annotations"]:
            del annotation["segmentation"]
    coco = write_set(tmp_path / "coco", content)
    done = call("data", "convert", "coco", "--out", "boxes", "--no-masks-of-boxes")
    assert done.exit_code == 0 and "polygons were made" not in done.output
    written = find("lvis_v1", Path("boxes"))
    for name in ("train", "val"):
        entries = json.loads(getattr(written, name).read_text(encoding="utf-8"))["annotations"]
        assert entries and not any("segmentation" in entry for entry in entries)
        assert [entry["bbox"] for entry in entries] == [entry["bbox"] for entry in content[name]["annotations"]]
    own = DataPaths("mine", coco["train"], coco["val"], tmp_path / "coco", is_own=True)
    in_place, _ = in_lvis_form(own, masks=False)
    assert [in_place.train.read_bytes(), in_place.val.read_bytes()] == [
        written.train.read_bytes(),
        written.val.read_bytes(),
    ]
    files = ("--train-annotations", coco["train"], "--val-annotations", coco["val"], "--images", "coco")
    for what in (("boxes",), files):
        checked = call("data", "check", *what)
        assert checked.exit_code == 0, checked.output
        assert "no annotation has a mask" in checked.output and "polygons were made" not in checked.output


@pytest.mark.parametrize("verb", ["check", "convert"])
def test_what_is_wrong_with_both_files_is_said_at_once(coco: dict[str, Path], verb: str) -> None:
    for path, field in zip(coco.values(), ("width", "height"), strict=True):
        content = json.loads(path.read_text(encoding="utf-8"))
        del content["images"][1][field]
        path.write_text(json.dumps(content), encoding="utf-8")
    own = ("--train-annotations", coco["train"], "--val-annotations", coco["val"])
    done = call("data", verb, *(own if verb == "check" else ("coco", "--out", "out")))
    assert done.exit_code == 2
    for path, field in zip(coco.values(), ("width", "height"), strict=True):
        assert f"{path.name}: not an LVIS annotation file: images[1] has no '{field}'" in done.output


def test_check_refuses_as_run_does_where_one_file_alone_has_masks(coco: dict[str, Path]) -> None:
    content = json.loads(coco["val"].read_text(encoding="utf-8"))
    for annotation in content["annotations"]:
        del annotation["segmentation"]
    coco["val"].write_text(json.dumps(content), encoding="utf-8")
    own = ("--train-annotations", coco["train"], "--val-annotations", coco["val"])
    done = call("data", "check", *own)
    assert done.exit_code == 2 and f"{coco['val']} has boxes alone" in done.output
    assert call("data", "check", *own, "--box-only").exit_code == 0

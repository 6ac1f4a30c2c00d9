"""Data sets as exporters and tools write them, from public bug reports: each is read rightly, or refused by name.

Where a number comes out, it is lvis-api's on the mended file: that of the set `base`, but where the case says another.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lt_bench.cli import main
from lt_bench.data import dataset as datasets
from lt_bench.data import lvis
from lt_bench.data.exclusion import read_exclusions
from lt_bench.data.find_known import find
from lt_bench.data.verify import Findings, check_both
from lt_bench.errors import UserError
from lt_bench.evaluation.ap.average_precision import EVALUATORS, Evaluator, evaluate_all

CASES = Path(__file__).parent / "cases"


@pytest.fixture
def case(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the case whose name starts as the parameter says, with the images of `base` where it has none."""
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))
    (folder,) = CASES.glob(f"{request.param}*")
    root = tmp_path / folder.name
    shutil.copytree(folder, root, copy_function=shutil.copyfile)
    for path in (root, *root.rglob("*")):
        path.chmod(0o755)
    own = {path.name for path in root.iterdir() if path.is_dir()} - {"annotations"}
    for split in ("train2017", "val2017"):
        if own <= {"train2017", "val2017"} and split not in own:
            (root / split).symlink_to(CASES / "base" / split)
    return root


def check(root: Path) -> Findings:
    paths = find("lvis_v1", root)
    return check_both(lvis.load(paths.train), lvis.load(paths.val), paths.image_root)


def evaluated(root: Path, evaluator: Evaluator, kinds: tuple[Any, ...] = ("bbox", "segm")) -> set[float]:
    predictions = root / "pred.json"
    if not predictions.is_file():
        predictions = CASES / "base" / "pred.json"
    found = evaluate_all(root / "annotations" / "lvis_v1_val.json", predictions, kinds, evaluator)
    return {round(100 * result.metrics["AP"], 2) for result in found.values()}


@pytest.mark.parametrize("evaluator", EVALUATORS)
@pytest.mark.parametrize("case", ["base", "01", "02", "07", "09", "14t", "15a", "15b", "15c", "15f"], indirect=True)
def test_a_case_that_is_sound_is_read_and_evaluated(case: Path, evaluator: Evaluator) -> None:
    found = check(case)
    assert found.all() == []
    assert bool(found.notes) == case.name.startswith("09")
    if not case.name.startswith("14t"):  # of which an image is turned, and there are no predictions
        assert evaluated(case, evaluator) == {63.49}


@pytest.mark.parametrize("evaluator", EVALUATORS)
@pytest.mark.parametrize("case", ["02"], indirect=True)
def test_predictions_may_begin_with_a_mark(case: Path, evaluator: Evaluator) -> None:
    (case / "pred_bom.json").replace(case / "pred.json")
    assert (case / "pred.json").read_bytes().startswith(b"\xef\xbb\xbf")
    assert evaluated(case, evaluator) == {63.49}


@pytest.mark.parametrize("evaluator", EVALUATORS)
@pytest.mark.parametrize("case", ["10-"], indirect=True)
def test_cocos_form_is_taken_as_it_is(case: Path, evaluator: Evaluator) -> None:
    data = datasets.load(datasets.find("lvis_v1", case))
    datasets.verify(data)
    assert "are in COCO's form" in data.assumed[0]
    shutil.copyfile(data.paths.val, case / "annotations" / "lvis_v1_val.json")
    assert evaluated(case, evaluator) == {63.49}


@pytest.mark.parametrize("case", ["10b"], indirect=True)
def test_negatives_that_are_empty_are_said(case: Path) -> None:
    found = check(case)
    assert found.all() == []
    assert any(
        "neg_category_ids is empty in all 4 images" in note and "`lt_bench data convert`" in note
        for note in found.notes
    )
    options = ["--annotations", str(case / "annotations" / "lvis_v1_val.json")]
    done = CliRunner().invoke(main, ["eval", str(case / "pred.json"), *options])
    assert done.exit_code == 0 and "66.75" in done.output
    done = CliRunner().invoke(main, ["data", "convert", str(case), "--out", str(case / "made")])
    assert done.exit_code == 0, done.output
    assert evaluated(case / "made", "lvis") == {52.75}


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("03", {"category 1: name is 'disc' in lvis_v1_train.json and 'kite' in lvis_v1_val.json"}),
        ("06", {"image 2: ", "train2017/000000000002.jpg", "cut off"}),
        ("08", {"annotation 5001 (image 1001): area is 0"}),
        ("13b", {"image 1002: ", "val2017/000000001002.jpg", "OpenCV can't decode it: TIFF, mode F, 160 x 120"}),
        ("15e", {"image 1: file_name cam1/0001.jpg not found below", "there is no cam1/, ", "images/cam1/"}),
        ("16a", {"annotation 5001 (image 1001)", "fewer than three points", "[100, 56, 125, 79]"}),
        ("16c", {"annotation 5001 (image 1001)", "a flat list of numbers", "[100, 56, 125, 56"}),
        ("16f", {"annotation 5001 (image 1001)", "coordinates from 0 to 400000000.0, image 160x120"}),
        ("17a", {"annotation 5001 (image 1001)", "do not fill the image", "[100, 50, 19200]"}),
    ],
    indirect=["case"],
)
def test_a_case_that_is_not_is_named_before_training(case: Path, said: set[str]) -> None:
    problems = [f"{problem.where}: {problem.detail}" for problem in check(case).all()]
    assert any(all(words in problem for words in said) for problem in problems)
    with pytest.raises(UserError) as caught:
        datasets.verify(datasets.load(datasets.find("lvis_v1", case)))
    assert caught.value.remedy


@pytest.mark.parametrize("evaluator", EVALUATORS)
@pytest.mark.parametrize("case", ["16a", "16c", "16f", "17a"], indirect=True)
def test_masks_that_are_not_sound_are_not_evaluated_and_boxes_are(case: Path, evaluator: Evaluator) -> None:
    with pytest.raises(UserError, match=r"lvis_v1_val\.json: .*annotation 5001 \(image 1001\)"):
        evaluated(case, evaluator)
    assert evaluated(case, evaluator, ("bbox",)) == {63.49}


@pytest.mark.parametrize("case", ["06"], indirect=True)
def test_an_image_is_left_out_of_its_own_split(case: Path) -> None:
    data = datasets.load(datasets.find("lvis_v1", case))
    ids = data.train.image_ids, data.val.image_ids
    with pytest.raises(UserError, match="both splits have an image 2"):
        read_exclusions(case / "exclude.txt", *ids)
    (case / "exclude.txt").write_text("val:2")
    with pytest.raises(UserError, match="unreadable image"):
        datasets.verify(data, read_exclusions(case / "exclude.txt", *ids))
    (case / "exclude.txt").write_text("train:2")
    datasets.verify(data, read_exclusions(case / "exclude.txt", *ids))


@pytest.mark.parametrize("evaluator", EVALUATORS)
@pytest.mark.parametrize("case", [f"11-box-only-{how}" for how in ("empty", "missing", "null")], indirect=True)
def test_boxes_alone_are_evaluated_and_are_for_a_detector_without_masks(case: Path, evaluator: Evaluator) -> None:
    assert evaluated(case, evaluator, ("bbox",)) == {63.49}
    with pytest.raises(UserError, match="annotation") as caught:
        evaluated(case, evaluator)
    assert "--box-only" in caught.value.remedy
    with pytest.raises(UserError, match="boxes alone") as caught:
        datasets.load(datasets.find("lvis_v1", case))
    assert "--detector faster_rcnn" in caught.value.remedy
    data = datasets.load(datasets.find("lvis_v1", case), masks=False)
    datasets.verify(data, masks=False)
    assert not data.assumed
    checked = CliRunner().invoke(main, ["data", "check", str(case)])
    assert checked.exit_code == 0 and "boxes alone can be trained" in checked.output


@pytest.mark.parametrize("case", ["16a"], indirect=True)
def test_faulty_masks_are_no_matter_to_a_detector_without_masks(case: Path) -> None:
    data = datasets.load(datasets.find("lvis_v1", case), masks=False)
    datasets.verify(data, masks=False)
    with pytest.raises(UserError, match="empty segmentation"):
        datasets.verify(data)
    assert CliRunner().invoke(main, ["data", "check", str(case), "--box-only"]).exit_code == 0
    assert CliRunner().invoke(main, ["data", "check", str(case)]).exit_code == 1

"""The verb `eval`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from coco_form import small_set
from command_line import forked, lt_bench
from experiments import write_annotations
from pycocotools.mask import encode

from lt_bench.cli import main
from lt_bench.evaluation.evidence.file import read_evidence
from lt_bench.evaluation.evidence.precision import evidence_metrics
from lt_bench.utils.files import sha256_of


def test_eval_needs_annotations(tmp_path: Path) -> None:
    predictions = tmp_path / "predictions.json"
    predictions.write_text("[]", encoding="utf-8")
    done = lt_bench("eval", str(predictions))
    assert done.returncode == 2
    assert "--annotations" in done.stderr


@pytest.mark.parametrize("evaluator", ["vernier", "lvis"])
def test_eval_works_from_predictions_alone(tmp_path: Path, evaluator: str) -> None:
    """A perfect detection of one of the two objects of one class: AP is the share of recall points that it reaches."""
    paths = write_annotations(tmp_path / "annotations")
    truth = json.loads(paths.val.read_text(encoding="utf-8"))["annotations"][0]
    detection = {key: truth[key] for key in ("image_id", "category_id", "bbox")} | {"score": 0.9}
    predictions = tmp_path / "predictions.json"
    predictions.write_text(json.dumps([detection]), encoding="utf-8")
    command = ("eval", str(predictions), "--annotations", str(paths.val), "--box-only", "--evaluator", evaluator)
    done = forked(*command, "--evidence", str(tmp_path / "new" / "evidence.parquet"))
    assert done.returncode == 0, done.stderr
    assert f"{100 * 51 / 101:.2f}" in done.stdout  # recall 0.00, 0.01, ..., 0.50 of 101 points
    evidence = read_evidence(tmp_path / "new" / "evidence.parquet")
    assert (list(evidence.outcomes), evidence.evaluators) == (["bbox"], {"bbox": evaluator})
    assert evidence_metrics(evidence, "bbox")[0]["AP"] == pytest.approx(51 / 101, abs=1e-15)
    assert (evidence.annotations, evidence.predictions) == (sha256_of(paths.val), sha256_of(predictions))


def test_there_is_no_evidence_without_ap(tmp_path: Path) -> None:
    predictions = tmp_path / "predictions.json"
    predictions.write_text("[]", encoding="utf-8")
    done = forked("eval", str(predictions), "--metrics", "errors", "--evidence", str(tmp_path / "e.parquet"))
    assert done.returncode == 2
    assert "add ap to --metrics" in done.stderr


def test_outputs_are_refused_before_anything_is_evaluated(tmp_path: Path) -> None:
    """An input as output, two outputs that are one, a folder, and evidence under another kind of name."""
    predictions, annotations = tmp_path / "predictions.json", tmp_path / "annotations.parquet"
    folder = tmp_path / "folder.parquet"
    folder.mkdir()
    for path in (predictions, annotations):
        path.write_text("no JSON", encoding="utf-8")
    (tmp_path / "link").hardlink_to(predictions)

    def refusal(*arguments: object) -> str:
        done = forked("eval", str(predictions), "--annotations", str(annotations), *map(str, arguments))
        assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
        return done.stderr

    assert "--csv would replace TARGET" in refusal("--csv", tmp_path / "new" / ".." / predictions.name)
    assert "--csv would replace TARGET" in refusal("--csv", tmp_path / "link")
    assert "--evidence would replace --annotations" in refusal("--evidence", annotations)
    assert "--csv and --evidence are the same file" in refusal(
        "--csv", tmp_path / "out.parquet", "--evidence", tmp_path / "out.parquet"
    )
    assert "can't be written to: Is a directory" in refusal("--evidence", folder)
    assert "ends in .parquet" in refusal("--evidence", tmp_path / "e.csv")
    assert predictions.read_text(encoding="utf-8") == annotations.read_text(encoding="utf-8") == "no JSON"


def test_a_checkpoint_of_something_else_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "instances_predictions.pth").write_bytes(b"PK")
    (tmp_path / "truth.json").write_text("{}", encoding="utf-8")
    done = CliRunner().invoke(
        main, ["eval", str(tmp_path / "instances_predictions.pth"), "--annotations", str(tmp_path / "truth.json")]
    )
    assert done.exit_code == 2
    assert f"there is no config for {tmp_path / 'instances_predictions.pth'}" in done.stderr
    assert "--config" in done.stderr and "detectron2" in done.stderr


def test_annotations_of_boxes_alone_measure_boxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Predictions with masks too; what is wrong is said of the user's file, not of its copy in LVIS's form."""
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))
    content = small_set()["val"]
    truth = content["annotations"][0]
    keys = ("image_id", "category_id", "bbox")
    size = next([one["height"], one["width"]] for one in content["images"] if one["id"] == truth["image_id"])
    mask = {"size": size, "counts": encode(np.ones(size, dtype=np.uint8, order="F"))["counts"].decode()}
    rows = [{key: truth[key] for key in keys} | {"score": 0.9, "segmentation": mask}]
    for each in content["annotations"]:
        each.pop("segmentation")
    annotations, predictions = tmp_path / "val.json", tmp_path / "predictions.json"
    annotations.write_text(json.dumps(content), encoding="utf-8")
    predictions.write_text(json.dumps(rows), encoding="utf-8")
    done = lt_bench("eval", str(predictions), "--annotations", str(annotations))
    assert done.returncode == 0, done.stderr
    assert "no annotation has a mask: boxes alone are measured" in done.stderr and "segm" not in done.stdout
    done = lt_bench("eval", str(predictions), "--annotations", str(annotations), "--mask-only")
    assert done.returncode == 2 and f"{annotations}: " in done.stderr and str(tmp_path / "cache") not in done.stderr


def test_groups_that_the_file_has_are_not_said_to_be_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))
    paths = write_annotations(tmp_path / "annotations")
    content = json.loads(paths.val.read_text(encoding="utf-8"))
    predictions = tmp_path / "predictions.json"
    predictions.write_text("[]", encoding="utf-8")
    for field, said in (("not_exhaustive_category_ids", False), ("frequency", True)):
        for each in content["categories" if said else "images"]:
            del each[field]
        paths.val.write_text(json.dumps(content), encoding="utf-8")
        done = lt_bench("eval", str(predictions), "--annotations", str(paths.val))
        assert done.returncode == 0, done.stderr
        assert ("APf go by this file's own counts" in done.stderr) is said
        assert ("frequency: kept" in done.stderr) is not said

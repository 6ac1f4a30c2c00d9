"""AP_fixed and boundary AP against lvis-api, which is given the detections, or the IoUs, that each of them wants."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import lvis
import lvis.eval
import numpy as np
import pycocotools.mask as mask_utils
import pytest
from click.testing import CliRunner
from lvis import LVISEval

from lt_bench.cli import main
from lt_bench.errors import RunFailedError, UserError
from lt_bench.evaluation.evidence import precision
from lt_bench.evaluation.metrics import ap_fixed, check_metrics, measure, parse_metrics
from lt_bench.evaluation.terms import KINDS, BoxOrMask

Rows = list[dict[str, Any]]

BOXES: tuple[BoxOrMask, ...] = ("bbox",)


class Numpy:
    """numpy with the one name that lvis-api still uses."""

    float = float

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


def lvis_api(annotations: Path, rows: Rows, kind: str, max_dets: int, evaluation: type = LVISEval) -> Any:
    other = "segmentation" if kind == "bbox" else "bbox"
    own = [{key: value for key, value in row.items() if key != other} for row in rows]
    with mock.patch.object(lvis.eval, "np", Numpy()):
        truth = lvis.LVIS(str(annotations))
        made = evaluation(truth, lvis.LVISResults(truth, own, max_dets=max_dets), kind)
        made.run()
    return made


def best_of_each_class(rows: Rows, count: int) -> Rows:
    by_class = defaultdict(list)
    for row in rows:
        by_class[row["category_id"]].append(row)
    return [row for own in by_class.values() for row in sorted(own, key=lambda row: -row["score"])[:count]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("quirks", "limit"), [(("many",), 40), (("many",), 10_000), (("many", "ties", "contradictions"), 3)], ids=str
)
def test_ap_fixed_is_that_of_lvis_api_without_a_limit_per_image(
    made_set: Any, write: Any, monkeypatch: Any, quirks: tuple[str, ...], kind: str, limit: int
) -> None:
    assert ap_fixed.PER_CLASS == 10_000
    monkeypatch.setattr(ap_fixed, "PER_CLASS", limit)
    truth, rows = made_set(3, *quirks)
    annotations = write("truth.json", truth)
    found = measure(annotations, write("found.json", rows), ("ap", "ap_fixed"), (kind,)).found  # type: ignore[arg-type]
    expected = lvis_api(annotations, best_of_each_class(rows, limit), kind, max_dets=-1)
    assert np.array_equal(found["ap_fixed"].results[f"{kind}_fixed"].precision, expected.eval["precision"])
    usual = lvis_api(annotations, rows, kind, max_dets=300)
    assert np.array_equal(found["ap"].results[kind].precision, usual.eval["precision"])
    assert not found["ap_fixed"].warning
    if limit != 40:  # the best of a class are among the best of their images here
        assert not np.array_equal(expected.eval["precision"], usual.eval["precision"])


def boundary(mask: np.ndarray) -> np.ndarray:
    """What is within 0.02 of the diagonal of the mask's edge; beyond the image is background."""
    height, width = mask.shape
    distance = max(1, round(0.02 * float(np.sqrt(height**2 + width**2))))
    padded = np.pad(mask, 1)
    inside = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=distance)
    return (padded ^ inside)[1:-1, 1:-1]


def iou(one: np.ndarray, other: np.ndarray) -> float:
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 0.0


class BoundaryEvaluation(LVISEval):  # type: ignore[misc]
    """lvis-api with the smaller one of mask IoU and boundary IoU."""

    def compute_iou(self, image: int, category: int) -> Any:
        objects, detections = self._get_gt_dt(image, category)
        if not objects or not detections:
            return []
        detections = [detections[i] for i in np.argsort([-row["score"] for row in detections], kind="mergesort")]
        of_objects, of_detections = (
            [(mask, boundary(mask)) for mask in (mask_utils.decode(row["segmentation"]) for row in rows)]
            for rows in (objects, detections)
        )
        return np.array([[min(iou(a, c), iou(b, d)) for c, d in of_objects] for a, b in of_detections])


def assert_boundary_ap(annotations: Path, rows: Rows, predictions: Path) -> None:
    found = measure(annotations, predictions, ("ap", "ap_boundary")).results()
    expected = lvis_api(annotations, rows, "segm", 300, BoundaryEvaluation)
    assert np.array_equal(found["boundary"].precision, expected.eval["precision"])
    assert 0 < found["boundary"].metrics["AP"] < found["segm"].metrics["AP"]


@pytest.mark.parametrize("quirks", [(), ("ties",), ("no area", "ignore"), ("large",)], ids="+".join)
def test_boundary_ap_is_that_of_lvis_api_given_its_ious(made_set: Any, write: Any, quirks: tuple[str, ...]) -> None:
    truth, rows = made_set(5, *quirks)
    assert_boundary_ap(write("truth.json", truth), rows, write("found.json", rows))


@pytest.mark.slow
def test_boundary_ap_of_real_annotations(shared: Path, write: Any) -> None:
    """Masks of LVIS as detections, shifted and grown a little."""
    annotations = shared / "reference" / "lvis_val_100.json"
    truth = json.loads(annotations.read_text())
    sizes = {image["id"]: (image["height"], image["width"]) for image in truth["images"]}
    rng = np.random.default_rng(0)
    rows = []
    for row in truth["annotations"][::15]:
        mask = mask_utils.decode(mask_utils.merge(mask_utils.frPyObjects(row["segmentation"], *sizes[row["image_id"]])))
        mask = np.roll(mask, tuple(rng.integers(-2, 3, 2)), axis=(0, 1))
        mask = cv2.dilate(mask, np.ones((3, 3), np.uint8), iterations=int(rng.integers(0, 3)))
        rle = mask_utils.encode(np.asfortranarray(mask))
        segmentation = {"size": list(mask.shape), "counts": rle["counts"].decode()}
        own = {key: row[key] for key in ("image_id", "category_id", "bbox")}
        rows.append({**own, "score": float(rng.random()), "segmentation": segmentation})
    assert len({sizes[row["image_id"]] for row in rows}) > 5
    assert_boundary_ap(annotations, rows, write("found.json", rows))


def test_names_of_metrics() -> None:
    assert parse_metrics("ap") == ("ap",)
    assert parse_metrics("errors, ap_fixed,ap,ap") == ("ap", "ap_fixed", "errors")
    for text, remedy in (("ap,ap_fixd", "did you mean 'ap_fixed'"), ("boundary", "ap_boundary"), ("ap,", "known: ap")):
        with pytest.raises(UserError, match="there is no metric") as caught:
            parse_metrics(text)
        assert remedy in caught.value.remedy


def test_what_cannot_be_measured() -> None:
    check_metrics(("ap", "ap_fixed", "errors"), BOXES, "lvis")
    with pytest.raises(UserError, match="of masks"):
        check_metrics(("ap_boundary",), BOXES, "vernier")
    with pytest.raises(UserError, match="lvis can't measure ap_boundary"):
        check_metrics(("ap_boundary",), KINDS, "lvis")


@pytest.fixture
def command(made_set: Any, write: Any) -> Callable[..., Any]:
    def invoke(*arguments: str, many: bool = False) -> Any:
        truth, rows = made_set(3, *(("many",) if many else ()))
        files = str(write("found.json", rows)), "--annotations", str(write("truth.json", truth))
        return CliRunner().invoke(main, ("eval", *files, *arguments))

    return invoke


def test_eval_shows_what_it_is_asked_for(command: Callable[..., Any]) -> None:
    assert [line.split()[0] for line in command().stdout.splitlines()[2:]] == ["box", "mask"]
    shown = command("--metrics", "ap,ap_fixed,ap_boundary,errors").stdout
    for name in ("box, AP_fixed", "mask, AP_fixed", "mask, boundary AP", "box: ΔAP50", "mask: ΔAP50"):
        assert name in shown
    assert "AP_fixed" not in command("--metrics", "errors", "--box-only").stdout
    refused = command("--metrics", "ap_bundary")
    assert (refused.exit_code, "did you mean 'ap_boundary'" in refused.stderr) == (2, True)
    assert command("--metrics", "ap_boundary", "--box-only").exit_code == 2


def test_eval_warns_of_predictions_that_were_cut(command: Callable[..., Any]) -> None:
    assert "limit per image was probably applied" in command("--metrics", "ap_fixed").stderr
    assert "warning" not in command("--metrics", "ap").stderr
    assert "warning" not in command("--metrics", "ap_fixed", many=True).stderr


def test_eval_writes_ap_by_class(command: Callable[..., Any], tmp_path: Path) -> None:
    command("--metrics", "ap,ap_fixed,ap_boundary", "--csv", str(tmp_path / "c.csv"))
    with (tmp_path / "c.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["id", "name", "frequency", "bbox", "segm", "bbox_fixed", "segm_fixed", "boundary"]
    measured = measure(tmp_path / "truth.json", tmp_path / "found.json", ("ap", "ap_fixed", "ap_boundary"))
    for column, values in measured.per_class().items():
        for row in rows:
            value = values[int(row["id"])]
            assert row[column] == ("" if value == -1 else repr(value))


def test_eval_says_what_it_cant_write_as_csv_before_it_measures(command: Callable[..., Any], tmp_path: Path) -> None:
    for arguments, message in (
        (("--metrics", "errors", "--csv", str(tmp_path / "c.csv")), "no AP was asked for"),
        (("--csv", str(tmp_path)), "can't be written"),
        (("--csv", "/proc/none/c.csv"), "can't be written"),
    ):
        done = command(*arguments)
        assert (done.exit_code, done.stdout) == (2, "")
        assert message in done.stderr
    assert not (tmp_path / "c.csv").exists()


def test_evidence_comes_with_ap_and_must_give_what_was_measured(
    made_set: Any, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth, rows = made_set(6, "many")
    paths = write("truth.json", truth), write("found.json", rows)
    plain, measured = measure(*paths), measure(*paths, metrics=("ap", "ap_fixed"), evidence=True)
    assert plain.evidence is None and measured.evidence is not None
    assert plain.blocks() == {"metrics": measured.blocks()["metrics"]}
    counts = np.unique(measured.evidence.image, return_counts=True)[1]
    assert counts.max() < 300 < max(np.unique([row["image_id"] for row in rows], return_counts=True)[1])
    sound = precision.precision_recall

    def wrong(evidence: Any, kind: Any) -> Any:
        found, recall = sound(evidence, kind)
        found[0, 0, 0, 0] = np.nextafter(found[0, 0, 0, 0], 2)
        return found, recall

    monkeypatch.setattr(precision, "precision_recall", wrong)
    with pytest.raises(RunFailedError, match=r"found\.json: the bbox evidence does not give the AP that was measured"):
        measure(*paths, evidence=True)


def test_what_moves_the_numbers_of_the_annotations_is_said(made_set, write) -> None:
    truth, rows = made_set(3)
    for image in truth["images"]:
        image["neg_category_ids"] = []
    truth["annotations"][0]["iscrowd"] = 1
    boxes: tuple[BoxOrMask, ...] = ("bbox",)
    measured = measure(write("truth.json", truth), write("rows.json", rows), kinds=boxes)
    crowd, negatives = measured.notes[:2]
    assert "iscrowd set" in crowd and "neg_category_ids is empty" in negatives
    assert measured.warnings() == []  # which a record has

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pycocotools.mask as mask_utils
import pytest

from lt_bench.errors import UserError
from lt_bench.evaluation.ap.average_precision import EVALUATORS, evaluate, evaluate_all
from lt_bench.evaluation.terms import AP_NAMES, IouType

IOU_TYPES: tuple[IouType, ...] = ("bbox", "segm")
QUIRKS = [
    (),
    ("ties",),
    ("many",),
    ("many", "ties", "large"),
    ("last digits",),
    ("fractions", "large"),
    ("no area", "many"),
    ("crowd",),
    ("contradictions",),
    ("contradictions", "no area", "crowd", "ignore", "ties"),
    ("ignore", "crowd"),
    ("other boxes",),
]


def assert_is_lvis_api(result, truth) -> None:
    np.testing.assert_array_equal(result.precision, truth.eval["precision"])
    expected = {name.replace("AR@300", "AR"): float(value) for name, value in truth.get_results().items()}
    assert result.metrics == {name: expected[name] for name in AP_NAMES}


@pytest.mark.parametrize("iou_type", IOU_TYPES)
@pytest.mark.parametrize("quirks", QUIRKS, ids="+".join)
def test_is_lvis_api_to_the_last_bit(made_set, write, lvis_api, quirks, iou_type) -> None:
    for seed in range(2):
        truth, rows = made_set(seed, *quirks)
        annotations, predictions = write("truth.json", truth), write("rows.json", rows)
        expected = lvis_api(annotations, rows, iou_type)
        assert 0 < expected.get_results()["AP"] < 1
        for evaluator in EVALUATORS:
            assert_is_lvis_api(evaluate(annotations, predictions, iou_type, evaluator), expected)


@pytest.mark.slow
@pytest.mark.parametrize("iou_type", IOU_TYPES)
def test_is_lvis_api_on_real_annotations(shared: Path, write, lvis_api, iou_type) -> None:
    annotations = shared / "reference" / "lvis_val_100.json"
    data = json.loads(annotations.read_text())
    sizes = {image["id"]: (image["height"], image["width"]) for image in data["images"]}
    categories = [category["id"] for category in data["categories"]]
    rng = np.random.default_rng(0)
    rows = []
    for annotation in data["annotations"]:
        height, width = sizes[annotation["image_id"]]
        mask = mask_utils.merge(mask_utils.frPyObjects(annotation["segmentation"], height, width))
        mask = {"size": [height, width], "counts": mask["counts"].decode()}
        for copy in range(8):  # of the first image's annotations there are over 300 copies
            category = annotation["category_id"] if copy < 4 else int(rng.choice(categories))
            bbox = [value + float(rng.normal(0, 2 * copy)) for value in annotation["bbox"]]
            score = round(float(rng.random()), 2)
            row = {"image_id": annotation["image_id"], "category_id": category, "bbox": bbox, "score": score}
            rows.append({**row, "segmentation": mask})
    counts = np.unique([row["image_id"] for row in rows], return_counts=True)[1]
    assert counts.max() > 300
    result = evaluate(annotations, write("rows.json", rows), iou_type)
    assert result.precision.shape == (10, 101, 1230, 4)
    assert_is_lvis_api(result, lvis_api(annotations, rows, iou_type))


def as_predictions(truth: dict) -> list[dict]:
    sizes = {image["id"]: [image["height"], image["width"]] for image in truth["images"]}
    rows = []
    for annotation in truth["annotations"]:
        size = sizes[annotation["image_id"]]
        mask = mask_utils.merge(mask_utils.frPyObjects(annotation["segmentation"], *size))
        row = {key: annotation[key] for key in ("image_id", "category_id", "bbox")}
        rows.append({**row, "score": 0.5, "segmentation": {"size": size, "counts": mask["counts"].decode()}})
    return rows


@pytest.mark.parametrize("evaluator", EVALUATORS)
@pytest.mark.parametrize("iou_type", IOU_TYPES)
def test_perfect_predictions_have_ap_one(made_set, write, iou_type, evaluator) -> None:
    truth, _ = made_set(3, "large")
    annotations, predictions = write("truth.json", truth), write("rows.json", as_predictions(truth))
    result = evaluate(annotations, predictions, iou_type, evaluator)
    assert {name: value for name, value in result.metrics.items() if value != -1} == pytest.approx(
        dict.fromkeys(("AP", "AP50", "AP75", "APl", "APr", "APc", "APf", "AR"), 1.0), abs=1e-12
    )


def one_class(boxes: list[list[int]], frequency: str = "r") -> dict:
    """One image with `boxes` of category 1, and a category 2 that is nowhere."""
    image = {"id": 1, "width": 200, "height": 160, "neg_category_ids": [], "not_exhaustive_category_ids": []}
    annotations = [
        {
            "id": index,
            "image_id": 1,
            "category_id": 1,
            "bbox": [x, y, w, h],
            "area": w * h,
            "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]],
        }
        for index, (x, y, w, h) in enumerate(boxes, start=1)
    ]
    categories = [{"id": 1, "name": "a", "frequency": frequency}, {"id": 2, "name": "b", "frequency": "f"}]
    return {"images": [image], "annotations": annotations, "categories": categories}


@pytest.mark.parametrize("evaluator", EVALUATORS)
def test_half_of_the_objects_found_is_half_of_the_recall_levels(write, evaluator) -> None:
    truth = one_class([[0, 0, 20, 20], [50, 50, 20, 20]])
    result = evaluate(write("truth.json", truth), write("rows.json", as_predictions(truth)[:1]), "bbox", evaluator)
    # precision 1 at the recall levels 0.00 to 0.50, which are 51 of 101, and 0 above
    assert result.per_class == {1: pytest.approx(51 / 101, abs=1e-12), 2: -1.0}
    assert result.metrics["APr"] == pytest.approx(51 / 101, abs=1e-12)
    assert result.metrics["APs"] == pytest.approx(51 / 101, abs=1e-12)
    assert result.metrics["AR"] == pytest.approx(0.5)
    assert [result.metrics[name] for name in ("APc", "APf", "APm", "APl")] == [-1.0] * 4


@pytest.mark.parametrize("evaluator", EVALUATORS)
def test_the_area_of_a_mask_is_its_own_and_not_its_boxs(write, evaluator) -> None:
    truth = one_class([[0, 0, 20, 20]])
    hit = as_predictions(truth)[0]
    miss = as_predictions(one_class([[100, 100, 20, 20]]))[0]
    rows = [hit, {**miss, "score": 0.9, "bbox": [0, 0, 200, 160]}]
    result = evaluate(write("truth.json", truth), write("rows.json", rows), "segm", evaluator)
    # the miss is a small mask in a large box: as a small one it halves the precision of small objects
    assert result.metrics["APs"] == pytest.approx(0.5, abs=1e-12)
    assert result.metrics["APl"] == -1.0


@pytest.mark.parametrize("evaluator", EVALUATORS)
def test_masks_need_no_box(made_set, write, lvis_api, evaluator) -> None:
    truth, rows = made_set(0)
    bare = [{key: value for key, value in row.items() if key != "bbox"} for row in rows]
    annotations = write("truth.json", truth)
    result = evaluate(annotations, write("rows.json", bare), "segm", evaluator)
    assert_is_lvis_api(result, lvis_api(annotations, rows, "segm"))


@pytest.mark.parametrize("evaluator", EVALUATORS)
@pytest.mark.parametrize("iou_type", IOU_TYPES)
def test_no_predictions_are_zero_where_there_is_something_to_find(write, iou_type, evaluator) -> None:
    annotations = write("truth.json", one_class([[0, 0, 20, 20]], frequency="c"))
    result = evaluate(annotations, write("rows.json", []), iou_type, evaluator)
    zero = {"AP", "AP50", "AP75", "APs", "APc", "AR"}
    assert result.metrics == {name: 0.0 if name in zero else -1.0 for name in AP_NAMES}
    assert result.per_class == {1: 0.0, 2: -1.0}


@pytest.mark.parametrize("evaluator", EVALUATORS)
def test_max_dets_counts_over_all_classes_of_an_image(write, evaluator) -> None:
    truth = one_class([[0, 0, 20, 20]])
    hit = as_predictions(truth)[0]
    rows = [hit, {**hit, "category_id": 2, "score": 0.9}]
    annotations, predictions = write("truth.json", truth), write("rows.json", rows)
    assert evaluate(annotations, predictions, "bbox", evaluator, max_dets=2).metrics["AP"] == pytest.approx(1)
    assert evaluate(annotations, predictions, "bbox", evaluator, max_dets=1).metrics["AP"] == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.pop("images"), "'images' is missing"),
        (lambda data: data["images"][0].pop("neg_category_ids"), r"images\[0\] has no 'neg_category_ids'"),
        (lambda data: data["images"][0].update(width="200"), r"images\[0\]: 'width' is str"),
        (lambda data: data["images"][0].update(width=0), "impossible image size: image 1: width is 0, height is 160"),
        (lambda data: data["images"][0].update(height=1 << 31), "image 1: width is 200, height is 2147483648"),
        (
            lambda data: data["images"][0].update(neg_category_ids=[[1]]),
            r"images\[0\]: neg_category_ids holds something else",
        ),
        (lambda data: data["images"].clear(), "'images' is empty"),
        (lambda data: data["categories"][0].update(frequency="x"), "category 1: frequency is 'x'"),
        (lambda data: data["categories"].append(data["categories"][0]), "category id 1 occurs twice"),
        (lambda data: data["categories"].append(3), r"categories\[2\] is int"),
        (lambda data: data["images"].append(data["images"][0]), r"duplicate id: image 1: .* images\[1\]"),
        (lambda data: data["annotations"].append(data["annotations"][0]), r"duplicate id: annotation 1: .*\[1\]"),
        (lambda data: data["annotations"][0].update(id="1"), r"annotations\[0\]: 'id' is str"),
        (lambda data: data["annotations"][0].update(image_id=9), r"annotation 1 \(image 9\): .* no image 9"),
        (lambda data: data["annotations"][0].update(category_id=9), r"annotation 1 .*: the file lists no category 9"),
        (
            lambda data: data["annotations"][0].update(area=float("nan")),
            r"not finite: annotation 1 \(image 1\): .* area nan",
        ),
        (lambda data: data["annotations"][0].update(bbox=[1, 2, 3]), r"annotations\[0\]: bbox is"),
        (
            lambda data: data["annotations"][0].update(bbox=[1, 2, 3, float("inf")]),
            r"not finite: annotation 1 \(image 1\): bbox x, y, w, h = \[1, 2, 3, inf\]",
        ),
    ],
)
def test_unusable_annotations_are_named(write, change, message) -> None:
    truth = one_class([[0, 0, 20, 20]])
    change(truth)
    annotations = write("truth.json", truth)
    with pytest.raises(UserError, match=message) as caught:
        evaluate(annotations, write("rows.json", []), "bbox")
    assert str(annotations) in str(caught.value)


REFUSED = {
    "none": (None, "'segmentation' is null"),
    "no polygon": ([], "empty segmentation: .* no polygon"),
    "a flat list": ([0, 0, 20, 0, 20, 20], "a flat list of numbers"),
    "a box": ([[0, 0, 20, 20]], "fewer than three points"),
    "a part of two points": ([[0, 0, 20, 0, 20, 20], [1, 1, 9, 9]], "fewer than three points"),
    "a last coordinate without a partner": ([[0, 0, 20, 0, 20, 20, 7]], "an odd number of numbers"),
    "a coordinate that is no number": ([[0, 0, 20, 0, 20, "20"]], "no list of numbers"),
    "NaN": ([[0, 0, 20, 0, 20, float("nan")]], "not finite"),
    "far outside": ([[0, 0, 2e8, 3e8, 1e8, 4e8]], "coordinates from 0 to 400000000.0"),
    "long": ([[0, 0, 1000, 0, 0, 1000] * 3000], "an outline of more than"),
    "a mask of another size": ({"size": [5, 5], "counts": [5, 5, 15]}, "'size' is not the image's"),
    "damaged run lengths": ({"size": [160, 200], "counts": "~~"}, "holds no run lengths"),
    "run lengths that go on": ({"size": [160, 200], "counts": [100, 50, 32000]}, "do not fill the image"),
    "negative run lengths": ({"size": [160, 200], "counts": [-10, 32010]}, "holds no run lengths"),
}


@pytest.mark.parametrize("evaluator", EVALUATORS)
@pytest.mark.parametrize(("segmentation", "said"), REFUSED.values(), ids=list(REFUSED))
def test_an_annotated_mask_that_is_not_sound_is_named(write, lvis_api, segmentation, said, evaluator) -> None:
    """Where masks are evaluated. Boxes are what they were."""
    truth = one_class([[0, 0, 20, 20], [30, 0, 20, 20]])
    rows = as_predictions(truth)
    truth["annotations"][1]["segmentation"] = segmentation
    annotations, predictions = write("truth.json", truth), write("rows.json", rows)
    with pytest.raises(UserError, match=said) as caught:
        evaluate(annotations, predictions, "segm", evaluator)
    for named in (str(annotations), "annotation 2 (image 1)" if segmentation is not None else "(id 2, image_id 1)"):
        assert named in caught.value.message
    assert caught.value.remedy
    assert_is_lvis_api(evaluate(annotations, predictions, "bbox", evaluator), lvis_api(annotations, rows, "bbox"))


@pytest.mark.parametrize("first", [0, -3])
def test_annotation_ids_may_start_anywhere(write, lvis_api, first: int) -> None:
    """lvis-api reads a match with the annotation 0 as none, so what it gives for ids from 1 on is the truth."""
    truth = one_class([[0, 0, 20, 20], [50, 50, 20, 20], [90, 90, 20, 20]])
    truth["annotations"][1]["ignore"] = 1
    rows = as_predictions(truth)
    predictions = write("rows.json", rows)
    from_one = {iou_type: lvis_api(write("truth.json", truth), rows, iou_type) for iou_type in IOU_TYPES}
    for annotation in truth["annotations"]:
        annotation["id"] += first - 1
    annotations = write("shifted.json", truth)
    for iou_type, expected in from_one.items():
        assert (lvis_api(annotations, rows, iou_type).eval["precision"] != expected.eval["precision"]).any() == (
            not first
        )
        for evaluator in EVALUATORS:
            result = evaluate(annotations, predictions, iou_type, evaluator)
            assert result.evaluator == evaluator
            assert_is_lvis_api(result, expected)


@pytest.mark.parametrize("first", [0, -3, 2**53 - 30])
def test_ids_of_images_and_categories_may_start_anywhere(write, lvis_api, first: int) -> None:
    truth = one_class([[0, 0, 20, 20], [50, 50, 20, 20]])
    rows = [*as_predictions(truth), *({**row, "category_id": 2} for row in as_predictions(truth))]
    truth["images"].append({**truth["images"][0], "id": 2, "neg_category_ids": [2]})
    for entry in (*truth["annotations"], *rows):
        entry |= {"image_id": entry["image_id"] + first - 1, "category_id": entry["category_id"] + first - 1}
    for entry in (*truth["images"], *truth["categories"]):
        entry["id"] += first - 1
    for image in truth["images"]:
        for key in ("neg_category_ids", "not_exhaustive_category_ids"):
            image[key] = [category + first - 1 for category in image[key]]
    annotations, predictions = write("truth.json", truth), write("rows.json", rows)
    for iou_type in IOU_TYPES:
        result = evaluate(annotations, predictions, iou_type)
        assert result.evaluator == "vernier"
        assert_is_lvis_api(result, lvis_api(annotations, rows, iou_type))


def test_a_byte_order_mark_and_large_extras_change_nothing(made_set, write, monkeypatch) -> None:
    truth, rows = made_set(5)
    plain, predictions = write("truth.json", truth), write("rows.json", rows)
    extra = "x" * (1 << 25)
    truth["images"][1]["note"], truth["annotations"][2]["note"] = extra, ["\u00e4", {"}": "]"}]
    content = json.dumps({"info": extra, **truth, "licenses": [extra, {}]}, ensure_ascii=False)
    marked = plain.with_name("marked.json")
    marked.write_bytes(b"\xef\xbb\xbf" + content.encode())
    for evaluator in EVALUATORS:
        for iou_type in IOU_TYPES:
            expected, found = (evaluate(path, predictions, iou_type, evaluator) for path in (plain, marked))
            np.testing.assert_array_equal(found.precision, expected.precision)
            assert (found.metrics, found.evaluator) == (expected.metrics, evaluator)


def test_what_vernier_does_not_take_goes_to_lvis_api(write, lvis_api) -> None:
    truth = one_class([[0, 0, 20, 20], [30, 0, 20, 20]])
    rows = as_predictions(truth)
    truth["annotations"][0]["confidence"] = float("nan")
    annotations = write("truth.json", truth)
    with pytest.warns(UserWarning, match=r"vernier does not take it: .*; lvis-api evaluates instead"):
        result = evaluate(annotations, write("rows.json", rows), "segm")
    assert result.evaluator == "lvis"
    assert_is_lvis_api(result, lvis_api(annotations, rows, "segm"))


def test_what_lvis_api_does_not_take_is_not_compared(write, monkeypatch) -> None:
    truth = one_class([[0, 0, 20, 20], [30, 0, 20, 20]])
    annotations, rows = write("truth.json", truth), write("rows.json", as_predictions(truth)[1:])
    monkeypatch.setattr("pycocotools.mask.iou", lambda *given: [][0])
    with pytest.warns(UserWarning, match="vernier's result is not checked: .* lvis-api cannot evaluate it: IndexError"):
        assert evaluate(annotations, rows, "segm").evaluator == "vernier"
    with pytest.raises(UserError, match=r"truth\.json: lvis-api cannot evaluate it: IndexError"):
        evaluate(annotations, rows, "segm", "lvis")


def test_both_kinds_at_once_are_those_of_each(made_set, write) -> None:
    truth, rows = made_set(4, "ties", "many")
    paths = write("truth.json", truth), write("rows.json", rows)
    both = evaluate_all(*paths, ("bbox", "segm"), max_dets=100)
    assert list(both) == ["bbox", "segm"]
    for iou_type, result in both.items():
        alone = evaluate(*paths, iou_type, max_dets=100)
        np.testing.assert_array_equal(result.precision, alone.precision)
        assert (result.metrics, result.per_class) == (alone.metrics, alone.per_class)


@pytest.mark.parametrize(
    "content", [b"", b"[", b"[]", b"nope", b"\xff\xfe", b"[" * 100_000, b'{"images": 1' + b"1" * 9999]
)
def test_annotations_that_are_no_lvis_file(tmp_path, write, content) -> None:
    annotations = tmp_path / "truth.json"
    annotations.write_bytes(content)
    with pytest.raises(UserError, match=r"truth\.json"):
        evaluate(annotations, write("rows.json", []), "bbox")


def test_unusable_arguments(tmp_path, write) -> None:
    annotations, predictions = write("truth.json", one_class([[0, 0, 9, 9]])), write("rows.json", [])
    with pytest.raises(UserError, match=r"absent\.json: cannot be read"):
        evaluate(tmp_path / "absent.json", predictions, "bbox")
    with pytest.raises(UserError, match=r"absent\.json: cannot be read"):
        evaluate(annotations, tmp_path / "absent.json", "bbox")
    with pytest.raises(UserError, match="iou_type is 'mask'"):
        evaluate(annotations, predictions, "mask")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="no evaluator 'coco'"):
        evaluate(annotations, predictions, "bbox", "coco")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="max_dets is 0"):
        evaluate(annotations, predictions, "bbox", max_dets=0)

from __future__ import annotations

import pytest

from lt_bench.errors import UserError
from lt_bench.evaluation.inputs.checks import check_predictions
from lt_bench.evaluation.terms import IouType


def test_sound_predictions_are_counted(made_set, write) -> None:
    truth, rows = made_set(0, "no area")
    annotations, predictions = write("truth.json", truth), write("rows.json", rows)
    assert check_predictions(predictions, annotations, "bbox") == len(rows)
    assert check_predictions(predictions, annotations, "segm") == len(rows)
    assert check_predictions(write("none.json", []), annotations, "segm") == 0


BOTH: tuple[IouType, ...] = ("bbox", "segm")


@pytest.mark.parametrize(
    ("change", "message", "iou_types"),
    [
        (lambda row: row.pop("image_id"), "1 x image_id missing", BOTH),
        (lambda row: row.pop("category_id"), "1 x category_id missing", BOTH),
        (lambda row: row.pop("score"), "1 x score missing", BOTH),
        (lambda row: row.pop("bbox"), "1 x bbox missing", ("bbox",)),
        (lambda row: row.pop("segmentation"), "1 x segmentation missing", ("segm",)),
        (lambda row: row.update(image_id=99), "1 x unknown image id: 99", BOTH),
        (lambda row: row.update(image_id=[1]), r"1 x image_id is the list \[1\]; it must be a number", BOTH),
        (lambda row: row.update(image_id=True), "1 x image_id is true; it must be a number", BOTH),
        (lambda row: row.update(category_id=99), "1 x unknown category id: 99", BOTH),
        (lambda row: row.update(image_id="1001"), "1 x image_id is the text '1001'; it must be a number", BOTH),
        (
            lambda row: row.update(image_id="np.int64(1)"),
            r"is the text 'np.int64\(1\)', which no .*; it must be a number",
            BOTH,
        ),
        (lambda row: row.update(image_id=None), "1 x image_id is null; it must be a number", BOTH),
        (lambda row: row.update(image_id=1.5), "1 x image_id is 1.5; it must be an integer", BOTH),
        (lambda row: row.update(category_id="7"), "1 x category_id is the text '7'; it must be a number", BOTH),
        (lambda row: row.update(category_id="class 7"), "category_id is the text 'class 7'; it must be a number", BOTH),
        (lambda row: row.update(score=float("nan")), "1 x score is no finite number: nan", BOTH),
        (lambda row: row.update(score=10**400), "1 x score is no finite number: 1000", BOTH),
        (lambda row: row.update(score="high"), "1 x score is the text 'high'; it must be a number", BOTH),
        (lambda row: row.update(bbox=[0, 0, float("inf"), 1]), "1 x bbox is no list", BOTH),
        (lambda row: row.update(bbox=[0, 0, 1]), "1 x bbox is no list", BOTH),
        (lambda row: row.update(bbox="[0 0 1 1]"), r"1 x bbox is the text '\[0 0 1 1\]'; it must be a list", BOTH),
        (lambda row: row.update(bbox=["0.0", "0.0", "1.0", "1.0"]), "1 x bbox has the text '0.0' in it", BOTH),
        (
            lambda row: row.update(segmentation=[[0, 0, 1, 1, 1, 0]]),
            r"no compressed RLE but a list of numbers \(polygons",
            ("segm",),
        ),
        (lambda row: row["segmentation"].update(counts=[32000]), "no compressed RLE but one with its", ("segm",)),
        (lambda row: row["segmentation"].update(counts="b'04'"), "text of Python's bytes, b'04'; decode", ("segm",)),
        (lambda row: row["segmentation"].update(size=[200, 160]), "1 x mask size is not its image's", ("segm",)),
        (lambda row: row["segmentation"].update(size=["160", "200"]), "mask size is not its", ("segm",)),
        (lambda row: row["segmentation"].update(counts="~~"), "1 x mask is damaged", ("segm",)),
        (lambda row: row["segmentation"].update(counts="04"), "1 x mask is damaged", ("segm",)),
        (lambda row: row["segmentation"].update(counts=""), "1 x mask is damaged", ("segm",)),
    ],
)
def test_each_mistake_is_found_where_it_matters(made_set, write, change, message, iou_types) -> None:
    truth, rows = made_set(0)
    change(rows[2])
    annotations, predictions = write("truth.json", truth), write("rows.json", rows)
    for iou_type in BOTH:
        if iou_type in iou_types:
            with pytest.raises(UserError, match=message) as caught:
                check_predictions(predictions, annotations, iou_type)
            assert "(detection 2)" in str(caught.value)
            assert "{}" not in str(caught.value)
            assert str(predictions) in str(caught.value)
        else:
            assert check_predictions(predictions, annotations, iou_type) == len(rows)


def test_all_kinds_are_listed_with_their_count_and_few_examples(made_set, write) -> None:
    truth, rows = made_set(0)
    for index in range(10):
        rows[index]["image_id"] = 1000 + index
    rows[11]["category_id"] = 77
    with pytest.raises(UserError) as caught:
        check_predictions(write("rows.json", rows), write("truth.json", truth), "bbox")
    text = str(caught.value)
    assert "10 x unknown image id: 1000 (detection 0), 1001 (detection 1), 1002 (detection 2)\n" in text
    assert "1 x unknown category id: 77 (detection 11)" in text
    assert "1003" not in text

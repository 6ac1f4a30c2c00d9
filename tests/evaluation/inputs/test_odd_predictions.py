"""Predictions with odd values in every field, in every form: they give what lvis-api would be given, or are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from test_chunk_reader import annotation_file

from lt_bench.errors import UserError
from lt_bench.evaluation.inputs.detections import read_detections
from lt_bench.evaluation.inputs.ground_truth import load_ground_truth
from lt_bench.evaluation.inputs.reading import CATEGORY_IDS, IMAGE_IDS, Reading

ODD = [
    *(None, True, -1, 0, 1, 2, 3, 5, 1.0, 1.5, float("nan"), float("inf"), 10**30, -(10**30), 1e308),
    *("", "1", "01", "-1", "1.0", "nan", "np.int64(1)", "tensor(1)", "x.jpg", "x", "../x", "\u0661", "[1, 2, 3, 4]"),
    *(
        [],
        [1],
        [0, 0, 1, 1],
        [0, 0, -1, 1],
        [0, 0, 0, 0],
        ["0", "0", "1", "1"],
        [[0, 0, 1, 1]],
        [None] * 4,
        [1e308] * 4,
    ),
    *({}, {"size": [2, 3], "counts": "06"}, {"size": [2, 3], "counts": "b'06'"}, {"size": [3, 2], "counts": "06"}),
    *({"size": [2, 3], "counts": [0, 6]}, {"size": None, "counts": "06"}, {"counts": "06"}, {"size": [2, 3]}),
]
ROW = {"image_id": 1, "category_id": 2, "bbox": [0, 0, 1, 1], "score": 0.5}
MASK = {"segmentation": {"size": [2, 3], "counts": "06"}}
ENTRY = {"image_id": 1, "boxes": [[0, 0, 1, 1]], "scores": [0.5], "labels": [2]}
STATE = {"detection_box": [[[0, 0, 1, 1]]], "detection_scores": [[0.5]], "detection_labels": [[2]]}
FIELDS = [*ROW, *MASK, "file_name", "category_name", "boxes", "scores", "labels", "masks", *STATE, "images", "1"]

odd = st.sampled_from(ODD)
changes = st.dictionaries(st.sampled_from(FIELDS), odd | st.lists(odd, max_size=2), max_size=2)


@st.composite
def contents(draw: Any) -> str:
    plain = draw(st.sampled_from([ROW, ROW | MASK, ENTRY, STATE]))
    rows = [{**plain, **draw(changes)} for _ in range(draw(st.integers(1, 3)))]
    for name in draw(st.lists(st.sampled_from(FIELDS), max_size=1)):
        rows[0].pop(name, None)
    if draw(st.booleans()):
        return "\n".join(map(json.dumps, rows))
    return json.dumps(rows if draw(st.booleans()) else {"1": rows[0]})


@given(
    text=contents(), masks=st.booleans(), images=st.sampled_from(IMAGE_IDS), categories=st.sampled_from(CATEGORY_IDS)
)
def test_odd_predictions_are_read_or_refused(tmp_path_factory, text: str, masks: bool, images, categories) -> None:
    folder: Path = tmp_path_factory.mktemp("odd")
    truth = load_ground_truth(annotation_file(folder))
    (folder / "rows.json").write_text(text, encoding="utf-8")
    try:
        found = read_detections(folder / "rows.json", truth, masks, reading=Reading(images, categories))
    except UserError as error:
        assert "rows.json" in error.message and error.remedy
        return
    assert set(found.image.tolist()) <= {1} and set(found.category.tolist()) <= {2, 3}
    assert ((found.score > -1e309) & (found.score < 1e309)).all()

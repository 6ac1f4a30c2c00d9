from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from odd_sets import QUIRKS, odd_set

from lt_bench.errors import UserError
from lt_bench.evaluation import json_stream
from lt_bench.evaluation.inputs import ground_truth as module
from lt_bench.evaluation.inputs.ground_truth import load_ground_truth, only


@given(
    seed=st.integers(0, 10_000),
    quirks=st.sets(st.sampled_from(QUIRKS), max_size=4),
    indent=st.sampled_from([None, 1]),
    chunk=st.sampled_from([1 << 20, 300, 7]),
)
def test_the_stream_holds_what_json_holds(tmp_path_factory, seed: int, quirks: set[str], indent, chunk: int) -> None:
    content, _ = odd_set(np.random.default_rng(seed), quirks)
    content = {"info": {"year": 2020}, "version": 12345, **content, "licenses": [1, [2], {"a": "}]"}]}
    path = tmp_path_factory.mktemp("truth") / "truth.json"
    path.write_text(json.dumps(content, indent=indent))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "CHUNK", chunk)
        truth = load_ground_truth(path)
    images = sorted(content["images"], key=lambda image: image["id"])
    categories = sorted(category["id"] for category in content["categories"])
    rows = [row for row in content["annotations"] if row["area"] > 0]
    assert truth.image_ids.tolist() == [image["id"] for image in images]
    assert truth.image_size.tolist() == [[image["height"], image["width"]] for image in images]
    assert list(truth.category_ids) == categories
    assert truth.objects.box.tolist() == [row["bbox"] for row in rows]
    assert truth.objects.area.tolist() == [row["area"] for row in rows]
    assert truth.objects.ignored.tolist() == [bool(row.get("ignore")) for row in rows]
    assert [json.loads(text) for text in truth.objects.text] == rows
    positive = {(row["image_id"], row["category_id"]) for row in rows}
    for place, image in enumerate(images):
        for column, category in enumerate(categories):
            is_positive = (image["id"], category) in positive
            assert truth.positive[place, column] == is_positive
            assert truth.annotated[place, column] == (is_positive or category in image["neg_category_ids"])
            assert truth.not_exhaustive[place, column] == (category in image["not_exhaustive_category_ids"])


@pytest.mark.parametrize(
    "text",
    [
        '{"id": 1, "segmentation": [[1.5, 2], [3]], "area": 2}',
        '{"segmentation":[[1,2]]}',
        '{"segmentation" : [ [1, 2] ], "id": 1}',
        '{"segmentation": [], "id": 1}',
        '{"segmentation": {"size": [1, 2], "counts": "[[1]]"}, "id": 1}',
        '{"note": {"a": 1}, "segmentation": [[1]], "id": 1}',
        '{"segmentation": [[1]], "note": {"a": [[2]]}, "id": 1}',
        '{"segmentation": [[1]], "note": "}", "id": 1}',
        '{"note": "\\"segmentation\\": [[", "segmentation": [[1]], "id": 1}',
        '{"other": [[5, 6]], "segmentation": null, "last": [[7]]}',
        '{"segmentation": 5, "other": [[5, 6]]}',
        '{"segmentation": "[[", "other": "]]"}',
        '[[["segmentation"]]]',
        "17",
    ],
)
def test_an_annotation_without_its_polygons_is_otherwise_the_same(text: str) -> None:
    expected = json.loads(text)
    for rest in ("", ', {"id": 2, "segmentation": [[8]]}]'):
        value, end = module._without_polygons(f"  {text}{rest}", 2)
        assert end == 2 + len(text)
        if isinstance(expected, dict) and isinstance(expected.get("segmentation"), list):
            assert value.pop("segmentation") in ([], expected["segmentation"])
            assert value == {key: entry for key, entry in expected.items() if key != "segmentation"}
        else:
            assert value == expected


def test_polygons_are_left_to_the_evaluators() -> None:
    row = {"id": 1, "segmentation": [[1.5, 2.5, 3.5]] * 3, "area": 2.0}
    assert module._without_polygons(json.dumps(row), 0)[0] == {**row, "segmentation": []}


def test_a_polygon_that_is_no_json_is_noticed(tmp_path: Path) -> None:
    from lt_bench.evaluation import evaluate

    content, _ = odd_set(np.random.default_rng(0), set())
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(content).replace('"segmentation": [[', '"segmentation": [[1.2.3, '))
    (tmp_path / "rows.json").write_text("[]")
    refused = pytest.warns(UserWarning, match="vernier does not take it")
    with refused, pytest.raises(UserError, match=r"truth\.json: lvis-api cannot evaluate it: JSONDecodeError"):
        evaluate(path, tmp_path / "rows.json", "bbox")


def test_a_part_holds_its_images_and_their_categories(tmp_path: Path) -> None:
    content, _ = odd_set(np.random.default_rng(3), {"contradictions"})
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(content))
    ids = sorted(image["id"] for image in content["images"])
    part = only(load_ground_truth(path), np.array([1, 3]))
    content["images"] = [image for image in content["images"] if image["id"] in (ids[1], ids[3])]
    content["annotations"] = [row for row in content["annotations"] if row["image_id"] in (ids[1], ids[3])]
    spoken_of = {row["category_id"] for row in content["annotations"] if row["area"] > 0}
    spoken_of |= {key for image in content["images"] for key in image["neg_category_ids"]}
    content["categories"] = [category for category in content["categories"] if category["id"] in spoken_of]
    content["annotations"] = [row for row in content["annotations"] if row["category_id"] in spoken_of]
    path.write_text(json.dumps(content))
    whole = load_ground_truth(path)
    assert part.category_ids == whole.category_ids and part.frequency == whole.frequency
    assert part.images == whole.images and part.objects.text == whole.objects.text
    for name in ("image_ids", "image_size", "positive", "annotated", "not_exhaustive"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name))
    for name in ("image", "category", "box", "area", "ignored"):
        np.testing.assert_array_equal(getattr(part.objects, name), getattr(whole.objects, name))

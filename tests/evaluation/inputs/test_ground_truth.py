from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from exhaustive_form import both_forms
from hypothesis import given
from hypothesis import strategies as st
from odd_sets import QUIRKS, odd_set

from lt_bench.data import json_stream
from lt_bench.data.annotation_index import store
from lt_bench.errors import UserError
from lt_bench.evaluation.inputs.ground_truth import GroundTruth, load_ground_truth


@given(
    seed=st.integers(0, 10_000),
    quirks=st.sets(st.sampled_from(QUIRKS), max_size=4),
    indent=st.sampled_from([None, 1]),
    chunk=st.sampled_from([1 << 20, 300, 7]),
)
def test_it_holds_what_json_holds(tmp_path_factory, seed: int, quirks: set[str], indent, chunk: int) -> None:
    content, _ = odd_set(np.random.default_rng(seed), quirks)
    content = {"info": {"year": 2020}, "version": 12345, **content, "licenses": [1, [2], {"a": "}]"}]}
    path = tmp_path_factory.mktemp("truth") / "truth.json"
    path.write_text(json.dumps(content, indent=indent))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream.JSONStream.__init__, "__defaults__", (chunk, None))
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
    assert [json.loads(text) for text in texts(truth)] == rows
    assert [json.loads(text) for text in truth.file.images.raw_at(truth.image_row)] == images
    positive = {(row["image_id"], row["category_id"]) for row in rows}
    for place, image in enumerate(images):
        for column, category in enumerate(categories):
            is_positive = (image["id"], category) in positive
            assert truth.positive[place, column] == is_positive
            assert truth.annotated[place, column] == (is_positive or category in image["neg_category_ids"])
            assert truth.not_exhaustive[place, column] == (category in image["not_exhaustive_category_ids"])


def test_what_is_no_json_is_noticed_wherever_it_stands(tmp_path: Path) -> None:
    content, _ = odd_set(np.random.default_rng(0), set())
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(content).replace('"segmentation": [[', '"segmentation": [[1.2.3, '))
    with pytest.raises(UserError, match=r"truth\.json: not JSON .*: Expecting ',' delimiter: byte"):
        load_ground_truth(path)


def test_a_second_evaluation_parses_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, _ = odd_set(np.random.default_rng(0), {"rle", "ignore"})
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(content))
    first = load_ground_truth(path)
    monkeypatch.setattr(store, "build", None)
    second = load_ground_truth(path)
    assert_same(second, first)
    monkeypatch.undo()
    monkeypatch.setenv("LT_BENCH_CACHE", str(path / "no folder"))
    assert_same(load_ground_truth(path), first)


def test_segmentations_are_not_in_memory(tmp_path: Path) -> None:
    content, _ = odd_set(np.random.default_rng(1), set())
    polygon = [float(value % 100) for value in range(1 << 16)]
    for annotation in content["annotations"]:
        annotation["segmentation"] = [polygon] * 8
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(content))
    load_ground_truth(path)  # which makes the index
    tracemalloc.start()
    truth = load_ground_truth(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(truth.objects.row) and peak < 1 << 20 < path.stat().st_size / 4


def assert_same(left: GroundTruth, right: GroundTruth) -> None:
    assert left.category_ids == right.category_ids and left.frequency == right.frequency
    for name in ("image_ids", "image_size", "positive", "annotated", "not_exhaustive"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name))
    for name in ("image", "category", "box", "area", "ignored"):
        np.testing.assert_array_equal(getattr(left.objects, name), getattr(right.objects, name))
    assert texts(left) == texts(right)


def texts(truth: GroundTruth) -> list[bytes]:
    return truth.annotations(np.arange(len(truth.objects.row)))


def test_what_a_file_says_once_is_what_lists_say(tmp_path: Path) -> None:
    gaps = 0
    for seed in range(12):
        content, _ = odd_set(np.random.default_rng(seed), {"other areas", "degenerate"})
        forms = both_forms(content)
        for name, form in zip(("listed.json", "said.json"), forms, strict=True):
            (tmp_path / name).write_text(json.dumps(form))
        listed, said = (load_ground_truth(tmp_path / name) for name in ("listed.json", "said.json"))
        assert said.file.exhaustive and not listed.file.exhaustive
        assert_same(said, listed)
        gaps += int((~said.annotated).sum())
    assert gaps  # some image has a class without an area alone

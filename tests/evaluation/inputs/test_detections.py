from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from odd_sets import QUIRKS, odd_set
from same_detections import assert_same

from lt_bench.evaluation.inputs import detections as module
from lt_bench.evaluation.inputs.detections import read_detections
from lt_bench.evaluation.inputs.ground_truth import load_ground_truth
from lt_bench.evaluation.inputs.predictions import write_predictions


@given(
    quirks=st.sets(st.sampled_from(QUIRKS), max_size=4),
    seed=st.integers(0, 1000),
    index=st.data(),
)
def test_take_takes_of_every_column(tmp_path_factory, quirks: set[str], seed: int, index: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("take")
    truth, rows = odd_set(np.random.default_rng(seed), quirks)
    (folder / "truth.json").write_text(json.dumps(truth))
    write_predictions(folder / "rows.json", rows)
    found = read_detections(folder / "rows.json", load_ground_truth(folder / "truth.json"), masks=True)
    chosen = np.array(index.draw(st.lists(st.booleans(), min_size=len(found), max_size=len(found))), dtype=bool)
    assert_same(found.take(chosen), found.take(np.flatnonzero(chosen)))
    assert found.take(chosen).box.tolist() == found.box[chosen].tolist()
    taken = found.take(chosen).counts
    assert found.counts is not None and taken is not None
    assert taken.to_pylist() == [text for text, take in zip(found.counts.to_pylist(), chosen, strict=True) if take]
    assert found.take(chosen).total == found.total


def test_many_images_and_categories_have_ranks_too(tmp_path) -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 100_000, 300_000).astype(np.int32)  # more than 16 bits
    order = rng.permutation(300_000)
    ranks = module._rank_within(groups, order)
    seen: dict[int, int] = {}
    for index in order.tolist():
        group = int(groups[index])
        assert ranks[index] == seen.get(group, 0)
        seen[group] = seen.get(group, 0) + 1

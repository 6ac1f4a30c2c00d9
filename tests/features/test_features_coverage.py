"""Which objects and classes have a positive RoI among the stored ones, against a plain loop over RoIs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_features import made_split, write_features
from numpy.typing import NDArray

from lt_bench.features.coverage import covered, sentences, warning
from lt_bench.features.manifest import train_split
from lt_bench.features.store import FeatureSet

CLASSES = 5


def by_loop(arrays: dict[str, NDArray[Any]]) -> set[int]:
    """The ground-truth boxes that have a positive RoI."""
    found = set()
    for image in range(len(arrays["image_ids"])):
        truths = range(arrays["truth_first"][image], arrays["truth_first"][image + 1])
        place = arrays["iou_first"][image]
        for roi in range(arrays["first"][image], arrays["first"][image + 1]):
            best, overlap = -1, -1.0
            for truth in truths:
                if arrays["labels"][roi] == arrays["truth_labels"][truth] and arrays["iou"][place] > overlap:
                    best, overlap = truth, arrays["iou"][place]
                place += 1
            if arrays["labels"][roi] != CLASSES:
                found.add(best)
    return found


def few_positives(images: int = 40, seed: int = 3) -> dict[str, NDArray[Any]]:
    """A split of which half of the positive RoIs were not stored, and none of class 2."""
    arrays = made_split(images=images, classes=CLASSES, seed=seed)
    labels = arrays["labels"].copy()
    dropped = (np.random.default_rng(seed).random(len(labels)) < 0.5) | (labels == 2)
    labels[dropped] = CLASSES
    return arrays | {"labels": labels}


@pytest.fixture
def features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FeatureSet:
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))
    first = few_positives()
    second = made_split(images=40, classes=CLASSES, seed=3)
    second["labels"] = np.where(second["labels"] == 2, CLASSES, second["labels"])
    return write_features(tmp_path / "features", {train_split(0): first, train_split(1): second, "val": first})


def test_objects_with_a_positive_roi(features: FeatureSet) -> None:
    for name in ("train_0", "train_1"):
        split = features.split(name)
        arrays = {key: np.array(getattr(split, key)) for key in vars(split)}
        expected = by_loop(arrays)
        assert set(np.flatnonzero(covered(split, CLASSES))) == expected
        assert 0 < len(expected) < len(split.truth_labels)


def test_it_is_said_for_each_pass_and_for_all(features: FeatureSet) -> None:
    first, second, val, both = sentences(features)
    truths = features.split("train_0").truth_labels
    missing = 100 * (1 - len(by_loop(few_positives())) / len(truths))
    assert first == (
        f"train_0: 400 RoIs of 40 images; {missing:.0f} % of {len(truths)} objects and 1 of 5 classes have no positive "
        "RoI: store more with --rois or --epochs-of-boxes"
    )
    of_class = 100 * np.mean(truths == 2)
    assert f"{of_class:.0f} % of {len(truths)} objects and 1 of 5 classes" in second
    assert both.startswith(f"all 2 training passes: {of_class:.0f} % of {len(truths)} objects and 1 of 5")
    assert val == "val: 400 RoIs of 40 images"


def test_a_class_that_no_roi_shows_is_named(features: FeatureSet) -> None:
    said = warning(features)
    assert said is not None and said.startswith("1 of 5 classes have no positive RoI") and "class 2;" in said


def test_nothing_is_said_where_nothing_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))
    arrays = made_split(images=40, classes=CLASSES)
    whole = write_features(tmp_path / "features", {"train_0": arrays})
    assert warning(whole) is None
    (line,) = sentences(whole)
    assert line.endswith(f"each of {len(arrays['truth_labels'])} objects has a positive RoI")

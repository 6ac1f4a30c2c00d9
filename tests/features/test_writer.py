"""Files that grow image by image are the arrays that numpy would have saved at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_features import made_split
from numpy.typing import NDArray

from lt_bench.errors import UserError
from lt_bench.features.layout import ARRAYS, Counts, Precision
from lt_bench.features.writer import ImageRois, SplitWriter

NONE = Counts(0, 0, 0, 0)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))


def images_of(arrays: dict[str, NDArray[Any]]) -> list[ImageRois]:
    found = []
    for place, image_id in enumerate(arrays["image_ids"].tolist()):
        rois, truths = (slice(*arrays[name][place : place + 2]) for name in ("first", "truth_first"))
        pairs = arrays["iou"][slice(*arrays["iou_first"][place : place + 2])]
        found.append(
            ImageRois(
                image_id,
                **{name: arrays[name][rois] for name in ("features", "boxes", "labels", "is_truth")},
                size=(arrays["sizes"][place, 0], arrays["sizes"][place, 1]),
                scale=(arrays["scales"][place, 0], arrays["scales"][place, 1]),
                truth_labels=arrays["truth_labels"][truths],
                truth_boxes=arrays["truth_boxes"][truths],
                iou=pairs.reshape(len(arrays["labels"][rois]), -1),
            )
        )
    return found


@pytest.mark.parametrize("precision", ["float16", "float32"])
def test_the_files_are_those_that_numpy_saves(precision: Precision, tmp_path: Path) -> None:
    arrays = made_split(images=7)
    images = images_of(arrays)
    with SplitWriter(tmp_path, "val", 6, precision, NONE) as writer:
        for image in images[:3]:
            writer.append(image)
        done = writer.commit()
        for image in reversed(images):  # as if another process had been here: cut off by the next one
            writer.append(image)
    with SplitWriter(tmp_path, "val", 6, precision, done) as writer:
        for image in images[3:]:
            writer.append(image)
        facts = writer.finish()
    assert facts.counts() == Counts(7, 70, len(arrays["truth_labels"]), len(arrays["iou"]))
    for name, form in ARRAYS.items():
        np.save(tmp_path / "expected.npy", arrays[name].astype(form.dtype_at(precision)))
        assert (tmp_path / f"val/{name}.npy").read_bytes() == (tmp_path / "expected.npy").read_bytes(), name


def test_an_image_without_rois_and_ground_truth(tmp_path: Path) -> None:
    boxes, labels = np.zeros((0, 4), np.float32), np.zeros(0, np.int64)
    features = np.zeros((0, 6), np.float32)
    image = ImageRois(3, features, boxes, labels, labels.astype(bool), (4, 5), (1, 1), labels, boxes, boxes)
    with SplitWriter(tmp_path, "val", 6, "float32", NONE) as writer:
        writer.append(image)
        assert writer.finish().counts() == Counts(1, 0, 0, 0)
    assert np.load(tmp_path / "val/first.npy").tolist() == [0, 0]
    assert np.load(tmp_path / "val/features.npy").shape == (0, 6)


def test_what_float16_cannot_hold_is_said(tmp_path: Path) -> None:
    image = images_of(made_split(images=1))[0]
    image.features[0, 0] = 1e5
    with SplitWriter(tmp_path, "val", 6, "float16", NONE) as writer, pytest.raises(UserError, match="float32"):
        writer.append(image)


def test_files_without_a_header_are_no_arrays(tmp_path: Path) -> None:
    with SplitWriter(tmp_path, "val", 6, "float32", NONE) as writer:
        writer.append(images_of(made_split(images=1))[0])
        writer.commit()
    with pytest.raises(ValueError):
        np.load(tmp_path / "val/boxes.npy")

"""What is foretold of the size, against files and against LVIS v1's numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_features import made_split, write_features

from lt_bench.features.layout import ARRAYS, Counts, Precision
from lt_bench.features.size import describe, most

# images and annotations of LVIS v1 (Gupta et al., CVPR 2019, version 1.0)
TRAIN, VAL = (100_170, 1_270_141), (19_809, 244_707)


@pytest.mark.parametrize("precision", ["float16", "float32"])
def test_sizes_are_those_of_the_files(precision: Precision, tmp_path: Path) -> None:
    features = write_features(tmp_path / "set", {"val": made_split()}, precision=precision)
    counts = features.manifest.splits["val"].counts()
    for name in ARRAYS:
        assert counts.bytes_of(name, 6, precision) == (tmp_path / f"set/val/{name}.npy").stat().st_size
    total = sum(path.stat().st_size for path in tmp_path.rglob("*.npy"))
    assert counts.total_bytes(6, precision) == total


def test_no_number_is_too_large_for_a_size() -> None:
    assert Counts(1, 10**18, 1, 10**18).total_bytes(1024, "float16") > 2 * 1024 * 10**18


def test_the_most_that_images_can_hold() -> None:
    assert most([2, 0, 5], 10) == Counts(images=3, rois=30, truths=7, pairs=70)


@pytest.mark.parametrize(
    ("images", "truths", "rois", "gb"),
    [(*TRAIN, 64, 13.62), (*VAL, 1000, 41.97), (*VAL, 300, 12.59), (10_017, 127_014, 1000, 21.24)],
)
def test_lvis_in_gigabytes(images: int, truths: int, rois: int, gb: float) -> None:
    counts = Counts(images, images * rois, truths, truths * rois)
    # a RoI: 1,024 numbers of two bytes, a box, a label, a flag; a pair: its IoU; a truth: a box and a label
    by_hand = counts.rois * (2048 + 16 + 4 + 1) + 4 * counts.pairs + 20 * truths + images * (4 * 8 + 2 * 8)
    assert counts.total_bytes(1024, "float16") == pytest.approx(by_hand, rel=1e-6)
    assert round(by_hand / 1e9, 2) == gb
    assert f"{gb:.2f} GB" in describe({"split": counts}, 1024, "float16")

"""Stored features come back as they were written, and what is damaged is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_features import ious, made_split, write_features

from lt_bench.errors import UserError
from lt_bench.features.layout import ARRAYS, Precision
from lt_bench.features.store import open_features


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("precision", ["float16", "float32"])
def test_arrays_come_back_mapped_and_read_only(precision: Precision, tmp_path: Path) -> None:
    made = {"train_0": made_split(), "val": made_split(train=False, seed=1)}
    features = write_features(tmp_path / "set", made, precision=precision)
    for name, arrays in made.items():
        split = features.split(name)
        for key in ARRAYS:
            stored = getattr(split, key)
            assert isinstance(stored, np.memmap) and not stored.flags.writeable
            np.testing.assert_array_equal(stored, arrays[key].astype(stored.dtype))
        assert split.features.dtype == precision


def test_iou_of_an_image(tmp_path: Path) -> None:
    split = write_features(tmp_path / "set", {"val": made_split(train=False)}).split("val")
    for image in range(len(split)):
        rois = slice(split.first[image], split.first[image + 1])
        truths = slice(split.truth_first[image], split.truth_first[image + 1])
        expected = ious(split.boxes[rois], split.truth_boxes[truths])
        np.testing.assert_allclose(split.iou_of(image), expected, rtol=1e-6)


def test_regression_comes_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    layer = (rng.normal(size=(20, 6)).astype(np.float32), rng.normal(size=20).astype(np.float32))
    weight, bias = write_features(tmp_path / "set", {"val": made_split()}, regression=layer).regression()
    np.testing.assert_array_equal(weight, layer[0])
    np.testing.assert_array_equal(bias, layer[1])


def _change(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4])


def _edit(**fields: object) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))

    return edit


@pytest.mark.parametrize(
    ("file", "spoil", "said"),
    [
        ("train_0/features.npy", _change, "SHA-256"),
        ("train_0/features.npy", _cut, "bytes instead of"),
        ("train_0/iou.npy", Path.unlink, "missing"),
        ("train_0/first.npy", _change, "don't add up"),
        ("regression.npz", _change, "SHA-256"),
        ("regression.npz", Path.unlink, r"regression\.npz is missing\nmake them anew"),
        ("manifest.json", _cut, "damaged"),
        ("manifest.json", _edit(schema_version=2), "version 2"),
        ("manifest.json", _edit(rois="many"), "rois"),
        ("manifest.json", Path.unlink, "holds no features"),
    ],
)
def test_what_is_damaged_is_said(file: str, spoil: Callable[[Path], None], said: str, tmp_path: Path) -> None:
    write_features(tmp_path / "set", {"train_0": made_split()})
    spoil(tmp_path / "set" / file)
    with pytest.raises(UserError, match=said):
        open_features(tmp_path / "set")


def test_an_unfinished_folder_is_said(tmp_path: Path) -> None:
    write_features(tmp_path / "set", {"train_0": made_split()})
    (tmp_path / "set/manifest.json").rename(tmp_path / "set/progress.json")
    with pytest.raises(UserError, match="not finished"):
        open_features(tmp_path / "set")


def test_a_split_that_is_not_there(tmp_path: Path) -> None:
    features = write_features(tmp_path / "set", {"train_0": made_split()})
    with pytest.raises(UserError, match="no split 'train_1'"):
        features.split("train_1")

"""Annotations made without images are those of the data set, byte for byte."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from test_glyphs import MINI

from lt_bench.data import dataset, glyphs
from lt_bench.data.glyphs.build import make_preset
from lt_bench.data.glyphs.presets import PRESETS
from lt_bench.data.glyphs.truth import ANNOTATIONS, val_annotations, val_file

GLYPHS_LT = (
    "2b4d2d441c2e668cae40ee79bd11d07e56fbc9a50afe07da668f01402a209462"  # SHA-256, of the data set as it was drawn
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("preset", [MINI, replace(MINI, seed=5, most_objects=8, shape=PRESETS["glyphs-lt"].shape)])
def test_annotations_are_those_of_the_data_set(preset: glyphs.Preset, tmp_path: Path) -> None:
    assert val_annotations(preset) == (make_preset(preset, tmp_path) / ANNOTATIONS).read_bytes()


def test_annotations_of_the_long_tail_are_those_that_were_drawn() -> None:
    assert hashlib.sha256(val_annotations(PRESETS["glyphs-lt"])).hexdigest() == GLYPHS_LT


def test_the_data_set_is_taken_where_it_is_and_whole(cache: Path) -> None:
    root = make_preset(MINI, cache)
    assert val_file(MINI) == root / ANNOTATIONS
    (root / ANNOTATIONS).write_text("{}")
    found = val_file(MINI)
    assert found.read_bytes() == val_annotations(MINI) and not found.is_relative_to(root)


def test_no_image_is_painted_for_them(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lt_bench.data.glyphs.build.render", None)
    found = dataset.val_annotations("glyphs")
    assert found.read_bytes() == val_annotations(PRESETS["glyphs"])
    assert [path for path in cache.rglob("*") if path.is_file()] == [found]
    found.write_text("damaged")
    assert dataset.val_annotations("glyphs").read_bytes() == val_annotations(PRESETS["glyphs"])

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.probe import page
from benchmarks.probe.__main__ import main
from benchmarks.probe.generate import OBJECTS, ROIS, Size, sizes, write_features
from lt_bench.api.class_stats import ClassStats
from lt_bench.features.store import open_features


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))


def test_generated_features_open_and_are_plausible(tmp_path: Path) -> None:
    size = Size("glyphs-lt", ClassStats([2, 3, 40], [2, 4, 60], 30), 30, 5, 5, 32, 40, 20, (96, 128))
    write_features(tmp_path / "features", size)
    features = open_features(tmp_path / "features")
    train, val = features.split("train_0"), features.split("val")
    assert (len(train), len(train.labels), len(val), len(val.labels)) == (30, 30 * ROIS, 5, 200)
    assert set(np.unique(train.labels)) == {0, 1, 2, 3}
    for split in (train, val):
        assert (split.boxes[:, 2:] > split.boxes[:, :2]).all() and (split.boxes >= 0).all()
        assert split.boxes[:, 2].max() <= 128 and split.boxes[:, 3].max() <= 96
    # RoIs of a class are closer to their mean than to the background's
    values = np.asarray(train.features, dtype=np.float32)
    means = [values[train.labels == label].mean(axis=0) for label in (2, 3)]
    own, other = (np.linalg.norm(values[train.labels == 2] - mean, axis=1) for mean in means)
    assert (own < other).mean() > 0.99
    annotations = json.loads(features.annotations("val").read_text())
    assert len(annotations["annotations"]) == 5 * OBJECTS
    before = (tmp_path / "features" / "manifest.json").stat().st_mtime_ns
    write_features(tmp_path / "features", size)
    assert (tmp_path / "features" / "manifest.json").stat().st_mtime_ns == before


def test_the_sizes_are_those_they_name() -> None:
    small, large = sizes()["glyphs-lt"], sizes()["lvis"]
    assert (small.stats.num_classes, small.train_images, small.val_images) == (150, 3000, 400)
    assert (large.stats.num_classes, large.train_images, large.all_val) == (1203, 100_000, 19_809)
    assert large.train_counts().total_bytes(1024, "float16") == pytest.approx(13.6e9, rel=0.02)


def made(seconds: float) -> dict[str, Any]:
    run = {"training_seconds": 8.0, "evaluation_seconds": 2.0, "peak_bytes": 10**9, "AP": 0.1}
    sample = {"seconds": seconds, "memory_bytes": 2 * 10**9, "load_before": 0.5, "runs": {"ce": run, "ecm": run}}
    small = {"size": "glyphs-lt", "classes": 150, "train_images": 3000, "val_images": 400, "all_val": 400}
    small |= {"proposals": 100, "bytes": 4 * 10**8, "steps": 2000, "samples": [sample]}
    large = {**small, "size": "lvis", "val_images": 200, "all_val": 20_000, "steps": 200}
    peer: dict[str, object] = {"threads": 2, "batch": 8, "train_images": 3000, "val_images": 400, "peak_bytes": 10**9}
    peer |= {"frozen_step_seconds": [1.0], "frozen_batch_seconds": [0.8]}
    peer |= {"whole_step_seconds": [3.0], "whole_batch_seconds": [1.6]}
    settings = {"recipe": "common", "parallel": 2, "whole_steps": 2000, "device": "cpu"}
    return {"settings": settings, "results": [small, large], "peer": peer, "machine": {"device": "CPU"}}


def test_the_page_scales_and_judges(tmp_path: Path) -> None:
    (tmp_path / "probe_cpu.json").write_text(json.dumps(made(24.0)))
    done = CliRunner().invoke(main, ("--from", str(tmp_path / "probe_cpu.json")))
    assert done.exit_code == 0, done.output
    text = (tmp_path / "probe_cpu.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    # 10 x 8 s + 2 s; with 100 times the images 80 s + 200 s
    assert ["lvis", "150", "0.4 GB", "24 s", "-", "82.0 s", "4.7 min", "2.0 GB", "0.5"] in rows
    assert ["lvis", "ecm", "40.0", "80.0 s", "10.0", "3.3 min", "1.0 GB"] in rows
    assert ["frozen", "1.00 s", "100 ms", "34 min", "170 x"] in rows  # 2,040 s over 12 s
    assert "is kept: 12.0 s" in text
    assert "is missed: 20.0 s" in "".join(page.parts(made(40.0)))
    shorter = made(24.0)
    shorter["results"][0]["steps"] = 100
    text = "".join(page.parts(shorter))
    assert "The target" not in text and " x |" not in text  # nothing to judge, or to compare with 2,000 steps


@pytest.mark.extra
def test_it_measures(tmp_path: Path) -> None:
    options = ("--sizes", "lvis", "--losses", "ce", "--lvis-images", "20", "--lvis-val", "2", "--lvis-steps", "2")
    done = CliRunner().invoke(main, (*options, "--no-peer", "--out", str(tmp_path)))
    assert done.exit_code == 0, done.output
    (result,) = json.loads((tmp_path / "probe_cpu.json").read_text())["results"]
    (sample,) = result["samples"]
    assert sample["memory_bytes"] > 10**8 and sample["seconds"] > sample["runs"]["ce"]["training_seconds"] > 0


def test_an_unknown_size_is_named(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ("--sizes", "lvi", "--out", str(tmp_path)))
    assert done.exit_code == 2 and "did you mean 'lvis'" in done.output

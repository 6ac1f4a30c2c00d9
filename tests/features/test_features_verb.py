"""`lt_bench features` from the command line to the stored features."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import forked
from features_fixtures import SETTINGS

from lt_bench.features.store import FeatureSet, open_features


@pytest.mark.slow
def test_the_verb_stores_what_it_says(finished: Path, stored: FeatureSet, tmp_path: Path) -> None:
    options: list[object] = ["--rois", SETTINGS.rois, "--epochs-of-boxes", SETTINGS.epochs]
    options += ["--precision", SETTINGS.precision, "--held-out", SETTINGS.held_out, "--seed", SETTINGS.seed]
    done = forked("features", str(finished), "--out", "out", *map(str, options), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "train_0: 14 images, up to 336 RoIs of 32 numbers" in done.stderr
    assert "features of val: 5 images" in done.stderr
    assert "val: 250 RoIs of 5 images" in done.stdout
    assert open_features(tmp_path / "out").manifest == stored.manifest
    again = forked("features", str(finished), "--out", "out", cwd=tmp_path)
    assert again.returncode == 2 and "--rois" in again.stderr and "Traceback" not in again.stderr

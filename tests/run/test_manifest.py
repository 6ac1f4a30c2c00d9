"""What a run notes is read as it was written, whatever the user set."""

from __future__ import annotations

import json
import math
from datetime import datetime, timezone
from pathlib import Path

import pytest
from mmengine.config import ConfigDict

from lt_bench.errors import UserError
from lt_bench.leaderboard.schema_run import Init
from lt_bench.run.experiment import Experiment
from lt_bench.run.folder import RunFolder
from lt_bench.run.manifest import RunManifest


def manifest(experiment: Experiment, **hyper_parameters: object) -> RunManifest:
    return RunManifest(
        experiment=experiment,
        digest=experiment.digest(),
        fingerprint="0" * 64,
        distribution="lt_bench 1",
        hyper_parameters=hyper_parameters,
        init=Init(kind="random", description="random weights, seed 0"),
        batch="1 device(s)",
        notes=("a note",),
        started=datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
    )


def test_what_the_user_set_is_read_as_json_holds_it(tmp_path: Path) -> None:
    overrides = {"a": math.inf, "b": (1, 2), "c": {3}, "d": {"e": None}, "f": "text", "g": 2**70, "h": b"\xff"}
    experiment = Experiment("ecm", overrides=overrides, exclude=(7, 8, "val:9"))
    folder = RunFolder(tmp_path)
    folder.write_manifest(manifest(experiment, p=ConfigDict(q=[0.5])))
    found = folder.read_manifest()
    assert found.experiment.overrides == overrides | {"b": [1, 2], "c": [3], "h": [255]}
    assert (found.experiment.exclude, found.experiment.init) == ((7, 8, "val:9"), None)
    assert found.hyper_parameters == {"p": {"q": [0.5]}}
    assert json.loads(folder.manifest.read_bytes())["started"] == "2026-01-02T03:04:05+00:00"


def test_a_run_of_a_loss_that_is_gone_says_so(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_manifest(manifest(Experiment("ecm")))
    folder.manifest.write_text(folder.manifest.read_text(encoding="utf-8").replace('"ecm"', '"gone"'), encoding="utf-8")
    with pytest.raises(UserError, match="no loss 'gone'"):
        folder.read_manifest()

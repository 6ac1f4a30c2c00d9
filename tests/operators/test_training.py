"""The same seed gives the same losses and weights, whichever operators run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from operator_cases import BOTH, SOURCES


@pytest.mark.slow
@pytest.mark.skipif(not set(BOTH) <= set(SOURCES), reason="needs both; `make test-install` has them")
def test_training_is_the_same_with_every_source_of_operators(tmp_path: Path) -> None:
    losses, weights, predictions = {}, {}, {}
    for source in BOTH:
        work = tmp_path / source
        command = (
            *(sys.executable, "-m", "lt_bench", "run", "--loss", "ecm", "--dataset", "glyphs", "--max-iters", "4"),
            *("--set", "default_hooks.logger.interval=1", "--set", "+test_dataloader.dataset.indices=4"),
            *("--work-dir", str(work), "--leaderboards", str(tmp_path / "leaderboards")),
        )
        done = subprocess.run(
            command,
            env={**os.environ, "LT_BENCH_OPERATORS": source},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        record = json.loads((work / "result.json").read_text(encoding="utf-8"))
        assert record["versions"]["operators"].startswith(source)
        (scalars,) = work.glob("*/vis_data/scalars.json")
        lines = map(json.loads, scalars.read_text(encoding="utf-8").splitlines())
        losses[source] = [{key: value for key, value in line.items() if "loss" in key} for line in lines]
        weights[source] = torch.load(work / "iter_4.pth", weights_only=False)["state_dict"]
        predictions[source] = (work / "predictions.json").read_bytes()
    one, other = BOTH
    assert len(losses[one]) == 4
    assert losses[one] == losses[other]
    assert weights[one].keys() == weights[other].keys()
    for name, tensor in weights[one].items():
        assert torch.equal(tensor, weights[other][name]), name
    assert predictions[one] == predictions[other]

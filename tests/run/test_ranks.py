"""Two ranks: what the user sees when one dies, and that predicting drops and doubles no image."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from run_fixtures import SMALL, command, run, without_lvis

from lt_bench.run.folder import RunFolder
from lt_bench.run.train import predict

pytestmark = pytest.mark.extra
HOOKS = [{"type": "FiniteLossHook"}, {"type": "RunMeterHook"}]
SAID = {"killed": "SIGKILL", "raises": "RuntimeError: the disk of rank 1 is gone"}


@pytest.mark.parametrize("how", SAID)
def test_a_rank_that_dies_ends_the_run_with_its_own_error(tmp_path: Path, how: str) -> None:
    hooks = [*HOOKS, {"type": "DyingRank", "how": how}]
    arguments = command(
        *("seesaw", "--dataset", "glyphs", "--gpus", "2", "--max-iters", "1000", "--work-dir", "work"),
        *("--set", "custom_imports.imports=['lt_bench.detector', 'dying']", "--set", f"custom_hooks={hooks!r}"),
        model=SMALL,
    )
    done = subprocess.run(
        (sys.executable, "-m", "lt_bench", *arguments),
        cwd=tmp_path,
        env={**_environment(), **without_lvis(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    ended = time.time()
    assert done.returncode == 1, done.stderr
    assert SAID[how] in done.stderr
    assert done.stderr.rstrip().splitlines()[-1].startswith("failed: training on 2 devices failed")
    assert ended - (tmp_path / "died").stat().st_mtime < 60


def test_ranks_that_share_images_unequally_predict_each_once(tmp_path: Path) -> None:
    seven = ("--set", "test_dataloader.dataset.indices=7", "--set", "test_dataloader.batch_size=1")
    run(tmp_path, "ce", "--dataset", "glyphs", "--gpus", "2", "--max-iters", "1", *seven, "--work-dir", "work")
    folder = RunFolder(tmp_path / "work")
    predict(folder.config, tmp_path / "work" / "iter_1.pth", tmp_path / "alone")
    shared, alone = (
        json.loads(path.read_text(encoding="utf-8"))
        for path in (folder.predictions, tmp_path / "alone" / folder.predictions.name)
    )
    counts = [Counter((row["image_id"], row["category_id"]) for row in rows) for rows in (shared, alone)]
    assert len({image for image, _ in counts[1]}) == 7
    assert counts[0] == counts[1]


def _environment() -> dict[str, str]:
    """With the folder of the hook that dies."""
    path = os.pathsep.join(filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PYTHONPATH": path}

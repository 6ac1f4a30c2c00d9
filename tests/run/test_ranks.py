"""Two ranks: what the user sees when one dies."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from run_fixtures import SMALL, command, without_lvis

pytestmark = pytest.mark.extra
HOOKS = [{"type": "FiniteLossHook"}, {"type": "RunMeterHook"}]
SAID = {
    "killed": "SIGKILL",
    "raises": "RuntimeError: the disk of rank 1 is gone",
    "leaves": "error: something in the run called os._exit(0)",
}


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


def _environment() -> dict[str, str]:
    """With the folder of the hook that dies."""
    path = os.pathsep.join(filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PYTHONPATH": path}

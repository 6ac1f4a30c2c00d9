"""The command line as tests call it: in a process as a user starts it, or in one forked from warm imports.

Importing torch and mmdet takes longer than what most commands do. `forked` still gives each call a process of its own,
with its own exit code, output, folder and environment; only the imports are shared. What depends on how a process
starts (torchrun, what is imported when, what imports say) needs `lt_bench`.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.common.narrow_model import small_model

__all__ = ["forked", "lt_bench", "small_model"]

# All of them in site-packages: the process that is forked from does not look into the folder of the tests.
PRELOADED = [
    *("pytest", "pandas", "lvis", "vernier", "mmengine.runner", "mmdet.apis", "mmdet.datasets", "mmdet.models"),
    *("lt_bench.cli", "lt_bench.detector", "lt_bench.evaluation.metrics", "lt_bench.run.record", "lt_bench.run.train"),
    *("lt_bench.leaderboard.page", "lt_bench.data.dataset", "lt_bench.testing"),
]

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(PRELOADED)


def lt_bench(
    *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`python -m lt_bench`. env: changes of the environment."""
    return subprocess.run(
        (sys.executable, "-m", "lt_bench", *arguments),
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )


def forked(
    *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The same in a process that has the imports already."""
    with tempfile.TemporaryDirectory() as folder:
        outputs = (Path(folder) / "stdout", Path(folder) / "stderr")
        environment = {**os.environ, **(env or {})}
        process = _context.Process(target=_main, args=(arguments, cwd or Path.cwd(), environment, outputs))
        process.start()
        process.join()
        stdout, stderr = (path.read_text(encoding="utf-8") for path in outputs)
        assert process.exitcode is not None
        return subprocess.CompletedProcess(arguments, process.exitcode, stdout, stderr)


def _main(arguments: tuple[str, ...], cwd: Path, environment: Mapping[str, str], outputs: tuple[Path, Path]) -> None:
    for path, stream in zip(outputs, (1, 2), strict=True):
        with path.open("wb") as file:
            os.dup2(file.fileno(), stream)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    multiprocessing.set_start_method(None, force=True)  # what started this process is no business of the command
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.argv[1:] = arguments
    runpy.run_module("lt_bench", run_name="__main__", alter_sys=True)

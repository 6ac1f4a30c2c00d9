"""lt_bench's own command line in a process of its own, as a user starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

from lt_bench.selftest.result import CheckContext
from lt_bench.testing.result import Wrong

FEW_IMAGES = ("--set", "+test_dataloader.dataset.indices=8")
SECONDS = 240  # a process that takes longer hangs


def lt_bench(context: CheckContext, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a command in the context's folder and return what it said. Raises Wrong, with its last words, if it fails."""
    chosen = context.environment() if environment is None else environment
    try:
        done = subprocess.run(
            (sys.executable, "-m", "lt_bench", *arguments),
            cwd=context.folder,
            env={**os.environ, **chosen},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Wrong(f"lt_bench {arguments[0]} does not come to an end in {SECONDS} s") from error
    if done.returncode:
        last = " / ".join(line.strip() for line in done.stdout.splitlines()[-4:])
        raise Wrong(f"lt_bench {arguments[0]} fails with exit code {done.returncode}: {last}")
    return done.stdout

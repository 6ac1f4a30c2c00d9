"""Runs in processes of their own, which are killed at random moments of their training and started again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lt_bench.utils.checkpoint_files import UNFINISHED, listed

POLL = 0.002  # seconds
LONGEST = 600.0  # seconds that a process may take
# A narrow network, and checkpoints after every other step, whatever they cost.
OPTIONS = (
    *("--dataset", "glyphs", "--checkpoint-every", "2", "--set", "default_hooks.checkpoint.most_share=1e9"),
    *("--set", "+test_dataloader.dataset.indices=8"),
)


@dataclass(frozen=True)
class Kill:
    """after: iterations of the data loader in the newest checkpoint. writing: whether another was being written."""

    after: int
    writing: bool


def run(folder: Path, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start `lt_bench run` in a process group of its own; what it says goes to `folder`.log."""
    command = (sys.executable, "-m", "lt_bench", "run", *OPTIONS, *arguments, f"--work-dir={folder}")
    boards = f"--leaderboards={folder.parent / 'boards'}"
    with folder.with_suffix(".log").open("ab") as log:
        return subprocess.Popen((*command, boards), stdout=log, stderr=log, start_new_session=True)


def finish(folder: Path, arguments: Sequence[str]) -> None:
    """Run to the end. Raises RuntimeError with the end of the log when that fails."""
    code = run(folder, arguments).wait(LONGEST)
    if code:
        log = folder.with_suffix(".log").read_text(encoding="utf-8", errors="replace")
        raise RuntimeError(f"exit code {code}: {log[-2000:]}")


def kill_at_random(folder: Path, arguments: Sequence[str], dice: random.Random, seconds: float) -> Kill | None:
    """Start a run, kill -9 all of its processes at a random moment of its training, and say when that was.

    Every other time the moment is the writing of a checkpoint. seconds: after the first new checkpoint, within which
    the moment lies. None when the run had ended before.
    """
    process = run(folder, arguments)
    writing = dice.random() < 0.5
    before, number = _newest(folder), dice.randint(1, 3)
    deadline = time.monotonic() + LONGEST
    while process.poll() is None and _newest(folder) == before and time.monotonic() < deadline:
        time.sleep(POLL)
    if writing:
        for _ in range(number):  # of the writings that follow
            _until(process, folder / UNFINISHED, True)
            if number > 1:
                _until(process, folder / UNFINISHED, False)
            number -= 1
    else:
        time.sleep(dice.uniform(0, seconds))
    if process.poll() is not None:
        return None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return Kill(_newest(folder), (folder / UNFINISHED).exists())


def _until(process: subprocess.Popen[bytes], path: Path, there: bool) -> None:
    deadline = time.monotonic() + LONGEST
    while process.poll() is None and path.exists() != there and time.monotonic() < deadline:
        time.sleep(POLL)


def _newest(folder: Path) -> int:
    return max((checkpoint.iteration for checkpoint in listed(folder)), default=0)

"""The command itself, on generated features: time by loss, and the memory of all its processes."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

from benchmarks.common import CHECKOUT
from benchmarks.common.processes import module_command, session_memory
from lt_bench.errors import RunFailedError
from lt_bench.leaderboard.store import read

EVERY = 0.2  # seconds, after which memory is looked at again


def run_command(features: Path, work: Path, *options: str) -> dict[str, Any]:
    """Run `lt_bench probe` in the new folder `work`, and return what it took.

    seconds: of the whole command. memory_bytes: the most that its processes held of their own. runs: of each loss, the
    seconds of training and evaluation, the peak memory in its record (on a CPU with pages of the mapped features), AP.

    Raises RunFailedError when the command fails.
    """
    log = work / "log.txt"
    work.mkdir(parents=True)
    arguments: tuple[str | Path, ...]
    arguments = ("--features", features, "--work-dir", work / "runs", "--leaderboards", work / "boards", *options)
    load, begin, memory = os.getloadavg()[0], time.perf_counter(), 0
    with log.open("w") as stream:
        process = subprocess.Popen(
            module_command("lt_bench", "probe", *arguments),
            cwd=CHECKOUT,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                memory = max(memory, session_memory(process.pid))
                time.sleep(EVERY)
        finally:
            if process.poll() is None:  # this was interrupted; the command ends its runs
                process.terminate()
                process.wait()
    seconds = time.perf_counter() - begin
    if process.returncode:
        raise RunFailedError(f"lt_bench probe failed:\n{log.read_text()[-3000:]}")
    records = [read(path) for path in sorted((work / "runs").glob("*/result.json"))]
    return {
        "seconds": round(seconds, 2),
        "memory_bytes": memory,
        "load_before": round(load, 2),
        "runs": {
            record.loss.name: {
                "training_seconds": round(record.training_seconds, 3),
                "evaluation_seconds": round(record.evaluation_seconds, 3),
                "peak_bytes": record.memory.peak_bytes,
                "AP": round(record.metrics.of("bbox").AP, 4),
            }
            for record in records
        },
    }

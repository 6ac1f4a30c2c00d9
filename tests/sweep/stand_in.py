"""Stands in for `lt_bench run` in the tests of sweeps: takes the folder's lock, counts, can be stopped.

Usage: python stand_in.py --work-dir=FOLDER --steps=N [--fail=KIND[:N]]. A step takes 0.05 s; what is done is kept, as
in a checkpoint, when a signal asks to stop or the steps are done, and each tenth step. KIND is memory, kill, mistake or
nan, for the first N starts. At the end it writes a record.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from lt_bench.utils.locks import locked

RECORD = next((Path(__file__).resolve().parents[2] / "leaderboards" / "results").rglob("*.json"))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work-dir", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--fail", default="")
    options = parser.parse_args()
    folder = options.work_dir
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
        signal.signal(number, lambda signum, _: asked.append(signum))
    with locked(folder / ".lock", wait=False):
        with (folder / "starts").open("a", encoding="utf-8") as starts:
            starts.write(f"{os.getpid()}\n")
        fail(options.fail, len((folder / "starts").read_text(encoding="utf-8").splitlines()))
        kept = folder / "kept"
        done = int(kept.read_text(encoding="utf-8")) if kept.is_file() else 0
        while done < options.steps:
            with (folder / "steps").open("a", encoding="utf-8") as steps:
                steps.write(f"{done}\n")
            time.sleep(0.05)
            done += 1
            print(f"training: {done}/{options.steps}  eta 0:01  loss 1.5", flush=True)
            if asked or done % 10 == 0 or done == options.steps:
                kept.write_text(str(done), encoding="utf-8")
            if asked:
                return 75
        shutil.copyfile(RECORD, folder / "part")
        (folder / "part").rename(folder / "result.json")
    return 0


def fail(how: str, start: int) -> None:
    kind, _, times = how.partition(":")
    if not kind or start > int(times or 1000):
        return
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    said, code = {
        "memory": ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", 1),
        "nan": ("the loss is not finite: nan at iteration 7", 1),
        "mistake": ("error: there is no loss 'x'", 2),
    }[kind]
    if reason := os.environ.get("LT_BENCH_REASON"):
        Path(reason).write_text(said, encoding="utf-8")
    print(said)
    sys.exit(code)


if __name__ == "__main__":
    sys.exit(main())

"""Several runs that differ in their seed alone, one after the other, each in a process of its own.

In one process the second run would begin with what the first one left: its memory, which would count as the second
one's peak, cudnn's choices, mmengine's loggers and registries. In its own process it is the run that `--seed` alone
gives, and its crash ends no other.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lt_bench.errors import RunFailedError, StoppedError, UserError
from lt_bench.run.folder import RunFolder
from lt_bench.utils.stopping import stoppable
from lt_bench.utils.terminal import shown

if TYPE_CHECKING:
    from lt_bench.leaderboard.schema import ResultRecord

logger = logging.getLogger(__name__)

MOST = 100  # runs in a row: more is a slip of the hand
LARGEST = 2**32 - 1  # seed
PATIENCE = 60.0  # seconds that a run has to save and to end by itself
MISTAKE = 2  # exit code of a run that was refused
STOPPED = {
    StoppedError(name).code: name for name in ("SIGTERM", "SIGINT")
}  # exit codes of a run that was asked to stop
REASON = "LT_BENCH_REASON"  # names the file in which a run says why it failed


@dataclass(frozen=True)
class SeedRun:
    """record: None when the run failed. reason: why it did. code: exit code of its process."""

    seed: int
    folder: Path
    record: ResultRecord | None
    reason: str = ""
    code: int = 0


def parse_seeds(text: str) -> tuple[int, ...]:
    """The seeds that `--seeds` names: "5" for 0 to 4, or a list with commas such as "0,1,7"; "5," for the seed 5 alone.

    Raises UserError for anything else, for a seed given twice, and for none or more than MOST.
    """
    listed, comma, after = text.rpartition(",")
    ends_with_comma = bool(comma) and not after.strip()
    words = [word.strip() for word in (listed if ends_with_comma else text).split(",")]
    if not all(re.fullmatch(r"[0-9]{1,20}", word) for word in words):
        raise UserError(
            f"--seeds {text[:60]!r} is neither a count nor a list of seeds",
            "--seeds 5 runs the seeds 0 to 4, --seeds 0,1,7 these three, --seeds 5, the seed 5 alone",
        )
    counted = len(words) == 1 and not ends_with_comma
    count = int(words[0]) if counted else len(words)
    one = (
        f"for the seed {count} alone give --seeds {count}, with the comma"
        if counted and count <= LARGEST
        else "give fewer"
    )
    if count == 0:
        raise UserError("--seeds 0 is a count, and asks for no run", f"--seeds 1 runs the seed 0; {one}")
    if count > MOST:
        raise UserError(f"--seeds asks for {count:,} runs; {MOST} is the most", one)
    if counted:
        return tuple(range(count))
    seeds = tuple(map(int, words))
    if max(seeds) > LARGEST:
        raise UserError(f"--seeds: {max(seeds)} is no seed", f"seeds go from 0 to {LARGEST}")
    twice = sorted(seed for seed in set(seeds) if seeds.count(seed) > 1)
    if twice:
        raise UserError(f"--seeds {text}: the seed {twice[0]} is given twice", "give each seed once")
    return seeds


def run_seeds(folders: Mapping[int, Path], command: Callable[[int], Sequence[str]]) -> list[SeedRun]:
    """Run the command of each seed and wait for it; one that fails keeps none of the others from running.

    folders: seed -> folder of its run, in the order to run them. command: seed -> the words of a command that leaves a
    record there. A KeyboardInterrupt or StoppedError ends the run that is going on and is raised again; the
    latter also when that run was asked to stop.
    """
    done: list[SeedRun] = []
    try:
        with stoppable():
            for seed, folder in folders.items():
                logger.info(f"\n--- seed {seed} ({len(done) + 1} of {len(folders)})")
                done.append(_run_seed(seed, folder, command(seed)))
                if done[-1].code in STOPPED:
                    raise StoppedError(STOPPED[done[-1].code])
                if done[-1].record is None:
                    logger.error(f"seed {seed} failed")
    except BaseException:
        finished = ", ".join(str(run.seed) for run in done if run.record is not None)
        logger.info(f"stopped; finished seeds: {finished or 'none'}")
        logger.info("given again, without --restart, the command goes on from here")
        raise
    return done


@contextmanager
def telling_why() -> Iterator[None]:
    """Around a run: what makes it fail is written down for the `run_seeds` that started its process, if one did."""
    try:
        yield
    except Exception as error:
        if file := os.environ.get(REASON):
            expected = isinstance(error, UserError | RunFailedError)
            with suppress(OSError):
                Path(file).write_text(str(error) if expected else f"{type(error).__name__}: {error}", encoding="utf-8")
        raise


def failures(runs: Sequence[SeedRun]) -> str:
    """A line for each run that failed: why, and where its log is."""
    lines = []
    for run in runs:
        if run.record is None:
            log = RunFolder(run.folder).log
            where = f"log: {shown(log)}" if log.is_file() else f"folder: {shown(run.folder)}"
            lines.append(f"seed {run.seed}: {run.reason} ({where})")
    return "\n".join(lines)


def _run_seed(seed: int, folder: Path, command: Sequence[str]) -> SeedRun:
    from lt_bench.leaderboard.store import read

    with tempfile.TemporaryDirectory(prefix="lt_bench_") as scratch:
        reason = Path(scratch) / "reason"
        code = _wait(subprocess.Popen(command, env={**os.environ, REASON: str(reason)}))
        told = reason.read_text(encoding="utf-8") if reason.is_file() else ""
    if code:
        return SeedRun(seed, folder, None, told or describe_exit(code), code)
    try:
        return SeedRun(seed, folder, read(RunFolder(folder).result))
    except UserError as error:
        return SeedRun(seed, folder, None, error.message, code)


def describe_exit(code: int) -> str:
    """An exit code in words. A negative one is a signal's number."""
    if code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name
    return f"ended by {name}" + (", perhaps for lack of memory" if name == "SIGKILL" else "")


def _wait(process: subprocess.Popen[bytes]) -> int:
    """The exit code. Whatever interrupts the waiting ends the process first."""
    try:
        return process.wait()
    except BaseException as error:
        # Ctrl-C on a terminal has reached the process too; a second one at once would disturb it while it cleans up.
        by_terminal = isinstance(error, KeyboardInterrupt) or (isinstance(error, StoppedError) and error.code == 130)
        _end(process, told=by_terminal)
        raise


def _end(process: subprocess.Popen[bytes], told: bool) -> None:
    """Give the process time to end by itself, then ask it to, then kill it; kill it at once when interrupted again.

    told: whether it may know already that it has to end.
    """
    try:
        for number in (0, signal.SIGINT) if told else (signal.SIGINT,):
            process.send_signal(number)  # 0 is none
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
                return
    finally:
        process.kill()  # nothing when it has ended
        process.wait()

"""Short runs in a row and in parallel through local sweeps, whose processes are killed at random.

    python -m benchmarks.soak --minutes 60
    python -m benchmarks.soak --minutes 3            to try
    python -m benchmarks.soak --folder KEPT          keeps what was run, to look at

Rounds of four runs each: odd ones by one sweep, two runs at a time, even ones by two sweeps that share the work.
Launchers, submitit's workers, runs and their loader workers are killed or asked to stop until a round's kills are used
up, and the same command is given until all of its runs are done. Beside them a sweep that nobody kills, of many short
runs, and a long training go on all the time: their memory is sampled. At the end every record is verified, and
processes, held locks and temporary files are looked for. Writes soak.json and soak.md; exit code 1 for anything wrong.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import click

from benchmarks.chaos.killing import OPTIONS
from benchmarks.common.command import SETTINGS, Benchmark, Data, conduct, names, output_options
from benchmarks.common.narrow_model import small_model
from benchmarks.common.table import table
from benchmarks.soak.left import held_locks, temporary_files, wrong_records
from benchmarks.soak.marked import marked
from benchmarks.soak.shaking import POLL, QUIET, SWEEPS, Round, start
from benchmarks.soak.steady import EVERY, LIMIT, Steady, growth
from lt_bench.cli.common import FiniteRange
from lt_bench.errors import RunFailedError, UserError
from lt_bench.run.seeds import MOST
from lt_bench.sweep.job import Job, read_sweep
from lt_bench.sweep.state import finished
from lt_bench.utils import threads

STEADY = "focal,eql"  # the losses of what nobody kills
TORCHS_OWN = "torchinductor_"  # a cache that torch keeps among the temporary files for good
FIRST_PACE = 8.0  # seconds: the first kill must come before a short round on a fast machine is over
MOST_KILLS = 4  # of a round
PER_MINUTE = 10  # runs that the steady sweep could finish at the very most


def measure(minutes: float, losses: tuple[str, ...], steps: int, seed: int, beside: bool, folder: Path | None) -> Data:
    """rounds: of each what was killed. memory: samples of the processes that were not. problems: whatever is wrong.

    losses: of the runs that are killed at, two for each round. steps: optimizer steps of a run. beside: whether there
    are processes that are not killed. folder: where all of it is kept.
    """
    with ExitStack() as stack:
        home = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak")))
        home.mkdir(parents=True, exist_ok=True)
        if any(home.iterdir()):
            raise UserError(f"--folder {folder} is not empty", "name a new one")
        return _measure(home.resolve(), minutes, losses, steps, random.Random(seed), beside)


def _measure(
    home: Path, minutes: float, losses: tuple[str, ...], steps: int, dice: random.Random, beside: bool
) -> Data:
    common = (*OPTIONS, *small_model(), "--set=train_dataloader.num_workers=1")  # loader workers, to be killed too
    steady = _steady(home, minutes, steps, common) if beside else []
    began = time.monotonic()
    try:
        rounds = _rounds(home, 60 * minutes, losses, (f"--max-iters={steps}", *common), dice, steady)
        wrong = [problem for process in steady for problem in process.stop()]
    finally:
        for process in steady:
            process.end()
    problems = [*(problem for row in rounds for problem in row.pop("problems")), *wrong, *_left(home)]
    return {
        "rounds": rounds,
        "records": sum(finished(job) is not None for job in _jobs(home)),
        "seconds": round(time.monotonic() - began),
        "memory": [one.content() for one in steady],
        "problems": [*problems, *_growing(steady)],
    }


def _rounds(
    home: Path,
    seconds: float,
    losses: tuple[str, ...],
    common: tuple[str, ...],
    dice: random.Random,
    steady: list[Steady],
) -> list[Data]:
    """At least one; none after one with problems."""
    began, pace = time.monotonic(), FIRST_PACE
    rounds: list[Data] = []

    def tick() -> None:
        for process in steady:
            process.sample()

    while not rounds or (time.monotonic() - began < seconds and not rounds[-1]["problems"]):
        n = len(rounds)
        of_round = ",".join(dict.fromkeys(losses[(2 * n + k) % len(losses)] for k in range(2)))
        parallel = (2, 1)[n % 2]
        words = (f"--loss={of_round}", f"--seeds={2 * n},{2 * n + 1}", f"--parallel={parallel}", "--no-disk-check")
        kills = dice.randint(1, MOST_KILLS)
        one = Round(home, f"round{n + 1}", (*words, *common), dice, 3 - parallel, kills, pace, tick)
        rounds.append(one.run())
        pace = rounds[-1]["seconds"] / 3
        click.echo(_line(rounds[-1]))
    return rounds


def _steady(home: Path, minutes: float, steps: int, common: tuple[str, ...]) -> list[Steady]:
    """A sweep of more short runs than there is time for, and a training that is longer."""
    mark = f"{os.getpid()}-steady"
    seeds = f"--seeds={min(1 + int(PER_MINUTE * minutes), MOST)}"
    sweep = ("sweep", "--no-disk-check", f"--loss={STEADY}", seeds, f"--max-iters={steps}", *common, "--name=steady")
    training = ("run", "--loss=focal", "--max-iters=1000000", *common, "--work-dir=work_dirs/long")
    return [
        Steady("a sweep of short runs", start(home, mark, sweep, home / "steady.log"), whole_session=False),
        Steady("a training", start(home, mark, training, home / "long.log"), whole_session=True),
    ]


def _left(home: Path) -> list[str]:
    """What is wrong with what lies in `home` once nothing is at work there."""
    deadline = time.monotonic() + QUIET
    mark = f"{os.getpid()}-steady"
    while (processes := marked(mark)) and time.monotonic() < deadline:
        time.sleep(POLL)
    problems = [f"process {one.pid} was left behind: {one.words[:200]}" for one in processes]
    done = [job for job in _jobs(home) if finished(job) is not None]
    problems += wrong_records(done, home / "work_dirs" / "leaderboards")
    problems += [f"a lock is held: {path.relative_to(home)}" for path in held_locks(home)]
    unfinished = [job.folder for job in _jobs(home) if job not in done]
    problems += [f"a temporary file: {path.relative_to(home)}" for path in temporary_files(home, unfinished)]
    strangers = [path for path in sorted((home / "tmp").iterdir()) if not path.name.startswith(TORCHS_OWN)]
    problems += [f"a temporary file: {path.relative_to(home)}" for path in strangers]
    return problems


def _jobs(home: Path) -> list[Job]:
    sweeps = [read_sweep(home / SWEEPS, path.parent.name) for path in sorted((home / SWEEPS).glob("*/sweep.json"))]
    return [job for sweep in sweeps for job in sweep.jobs]


def _growing(steady: list[Steady]) -> list[str]:
    return [
        f"the memory of {one.name} grew by {grown:.1%}, from the second quarter of its samples to the last"
        for one in steady
        if (grown := growth(one.samples)) is not None and grown > LIMIT
    ]


def _line(row: Data) -> str:
    killed = ", ".join(row["kills"]) or "nothing"
    return (
        f"{row['round']}: {row['done']} of {row['jobs']} runs done in {row['seconds']:.0f} s, {row['starts']} starts, "
        f"killed: {killed}"
    )


def _table(data: Data, style: str) -> str:
    kills = Counter(kill for row in data["rounds"] for kill in row["kills"])
    rows = [
        ("rounds", len(data["rounds"])),
        ("runs that were killed at, and done in the end", sum(row["done"] for row in data["rounds"])),
        ("records, those of the sweep that nobody killed too", data["records"]),
        ("starts of sweeps", sum(row["starts"] for row in data["rounds"])),
        ("processes killed or asked to stop", kills.total()),
        *((f"- {kill}", count) for kill, count in sorted(kills.items())),
        *((f"memory of {one['process']}, growth", _grown(one["mib"])) for one in data["memory"]),
        ("problems", len(data["problems"])),
    ]
    return table(("", ""), rows, "lr", style)


def _grown(samples: list[float]) -> str:
    grown = growth(samples)
    if grown is None:
        return "too short to say"
    return f"{grown:+.1%} (at most {max(samples):,.0f} MiB)"


def _page(data: Data) -> list[str]:
    return [
        f"For {data['seconds'] / 60:.0f} minutes, short runs in sweeps, whose processes (launchers, submitit's "
        "workers, runs, loader workers) were killed or asked to stop at random moments. The same command was given, "
        "or `sweep retry`, until each sweep was done. Beside them a sweep of short runs and a training that nobody "
        "killed.",
        _table(data, "github"),
        "A record verifies where it agrees with its evidence, config, AP by class and predictions, and is in the "
        f"tables. Memory was sampled every {EVERY:.0f} s without pages of mapped files; growth is from the median of "
        f"the second quarter of the samples to that of the last, and above {LIMIT:.0%} a failure. Processes, held "
        "locks and temporary files that are left are problems.",
        *(["\n".join(f"- {problem}" for problem in data["problems"])] if data["problems"] else []),
    ]


def _check(data: Data) -> None:
    if data["problems"]:
        raise RunFailedError("\n".join(data["problems"]))


SOAK = Benchmark(
    name="soak",
    title="Sweeps that are killed at random",
    keys=("rounds", "records", "seconds", "memory", "problems"),
    table=lambda data: _table(data, "simple"),
    page=_page,
    check=_check,
)


@click.command(context_settings=SETTINGS)
@click.option("--minutes", default=60.0, show_default=True, type=FiniteRange(0), help="A round that began is finished.")
@click.option(
    "--losses", default="ce,seesaw,eqlv2,federated,ecm", show_default=True, callback=names, help="Two a round."
)
@click.option("--steps", default=12, show_default=True, type=click.IntRange(1), help="Optimizer steps of a run.")
@click.option("--seed", default=0, show_default=True, help="Of what is killed when.")
@click.option("--rounds-only", is_flag=True, help="Without the processes whose memory is watched.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where the runs are kept. Default: they are removed.")
@output_options
def main(
    out: Path,
    measured: Path | None,
    minutes: float,
    losses: tuple[str, ...],
    steps: int,
    seed: int,
    rounds_only: bool,
    folder: Path | None,
) -> None:
    """Run and kill, print a table, and write JSON and page."""
    conduct(SOAK, out, measured, lambda: measure(minutes, losses, steps, seed, not rounds_only, folder))


if __name__ == "__main__":
    threads.prepare()
    main()

"""`lt_bench run --seeds`: the same command once per seed, then mean and standard deviation."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from lt_bench.errors import RunFailedError, UserError

if TYPE_CHECKING:
    from lt_bench.run.seeds import SeedRun


def choose_seeds(seed: int | None, seeds: str | None) -> tuple[int, ...]:
    """The seeds to run. Raises UserError for what --seeds can't be, and under torchrun."""
    from lt_bench.run import distributed
    from lt_bench.run.seeds import parse_seeds

    if seeds is None:
        return (seed or 0,)
    if seed is not None:
        raise UserError("--seed and --seeds exclude each other", "give one of them")
    chosen = parse_seeds(seeds)
    if distributed.world_size() > 1:
        raise UserError(
            "torchrun starts the processes of one run, --seeds asks for several",
            "give --gpus instead of torchrun, or start torchrun once per seed, with --seed",
        )
    return chosen


def run_each(context: click.Context, folders: Mapping[int, Path], dataset: str) -> None:
    """Give the command of `context` once for each seed, and show what comes out over all of them.

    folders: seed -> folder of its run. dataset: the data set, also where the command names none.

    Raises RunFailedError when a run failed, UserError when all of them were refused.
    """
    from lt_bench.leaderboard.over_seeds import seeds_table
    from lt_bench.run.seeds import MISTAKE, failures, run_seeds

    def command(seed: int) -> list[str]:
        own = [f"--seed={seed}", f"--work-dir={folders[seed]}", f"--dataset={dataset}"]
        return [sys.executable, "-m", "lt_bench", "run", *given(context, "seeds", "work_dir", "dataset"), *own]

    runs = run_seeds(folders, command)
    finished = [run.record for run in runs if run.record is not None]
    if finished:
        loss, n = finished[0].loss.name, len(finished)
        click.echo(f"\n{loss} on {dataset}: {_named(runs)}; mean, sample standard deviation (sd), number of runs (n)")
        click.echo(seeds_table(finished))
        if n == 1:
            click.echo("One seed shows no spread: nothing follows from a small difference to another loss.")
    if n_failed := len(runs) - len(finished):
        message = f"{n_failed} of {len(runs)} seeds\n{failures(runs)}"
        if all(run.code == MISTAKE for run in runs):
            raise UserError(message)
        raise RunFailedError(
            f"{message}\nGiven again, without --restart, the command runs these anew and skips the finished ones."
        )


def _named(runs: Sequence[SeedRun]) -> str:
    seeds = [str(run.seed) for run in runs if run.record is not None]
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(seeds)}"


def given(context: click.Context, *left_out: str) -> list[str]:
    """The options that the user gave, as words of a command."""
    words = []
    for option in context.command.params:
        name = str(option.name)
        if name in left_out or context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        key, value = max(option.opts, key=len), context.params.get(name)
        if isinstance(option, click.Option) and option.is_flag:
            words.append(key)
        else:
            words += [f"{key}={one}" for one in (value if isinstance(value, tuple) else (value,))]
    return words

"""`lt_bench run --dry-run` and `--print-config`: what would run, on the standard output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lt_bench.errors import UserError

if TYPE_CHECKING:
    from lt_bench.data.dataset import Dataset
    from lt_bench.run.experiment import Experiment
    from lt_bench.run.pipeline import RunOptions


def show(
    experiment: Experiment,
    dataset: Dataset,
    options: RunOptions,
    folders: Mapping[int, Path],
    with_plan: bool,
    with_config: bool,
) -> None:
    """Print the config, the plan, or both: the plan then goes to the error stream.

    folders: seed -> folder of its run; the config is that of `experiment`'s seed. Raises UserError as the run would,
    and when the config of several seeds is asked for.
    """
    from lt_bench.run import distributed
    from lt_bench.run.folder import RunFolder
    from lt_bench.run.preview import preview, state_of

    if with_config and len(folders) > 1:
        raise UserError(f"--print-config prints one config, and there are {len(folders)} seeds", "give one --seed")
    found = preview(experiment, dataset, options)
    distributed.broadcast_config(None)
    if with_plan:
        rows = found.rows()
        for seed, folder in folders.items():
            if seed != experiment.seed:
                files = replace(found, folder=RunFolder(folder.resolve()), state=state_of(folder, options.restart))
                rows.append((f"seed {seed}", files.place()))
        for name, sentence in rows:
            click.echo(f"{name:<12} {sentence}", err=with_config)
        if len(folders) > 1:
            click.echo(f"{'seeds':<12} {len(folders)} runs, one after the other; room on disk is of each")
    if with_config:
        click.echo(found.config(), nl=False)

"""The command line: one file per verb. Heavy imports are inside the verbs, so that --help answers at once."""

from __future__ import annotations

import click

from lt_bench import __version__
from lt_bench.cli import (
    calibrations,
    check,
    compare,
    data,
    doctor,
    evaluate,
    features,
    leaderboard,
    losses,
    probe,
    run,
    selftest,
    sweep,
    verify,
)
from lt_bench.cli.common import Group, log_to_terminal


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="lt_bench")
def main() -> None:
    """A benchmark of long-tail classification losses for instance segmentation."""
    log_to_terminal()


for command in (
    *(run.run, evaluate.evaluate, losses.losses, check.check, leaderboard.leaderboard, data.data, doctor.doctor),
    *(
        calibrations.calibrations,
        selftest.selftest,
        verify.verify,
        compare.compare,
        features.features,
        probe.probe,
        sweep.sweep,
    ),
):
    main.add_command(command)

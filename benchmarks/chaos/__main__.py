"""Kills trainings at random moments, starts them again, and compares how they end with runs that nobody disturbed.

    python -m benchmarks.chaos                                   half an hour of two cores
    python -m benchmarks.chaos --losses federated --kills 2      to try

Each loss is trained by epochs and by iterations, the first one also in two processes. Half of the kills come while a
checkpoint is being written. Writes chaos.json and chaos.md.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from benchmarks.chaos.killing import Kill, finish, kill_at_random
from benchmarks.chaos.state import differences, state_of
from benchmarks.common.command import SETTINGS, Benchmark, Data, conduct, names, output_options
from benchmarks.common.narrow_model import small_model
from benchmarks.common.table import table
from lt_bench.errors import RunFailedError
from lt_bench.utils import threads

LENGTHS = {"2 epochs": ("--set", "train_cfg.max_epochs=2"), "60 iterations": ("--max-iters", "60")}
SECONDS = 3.0  # after a checkpoint, within which a process is killed
HEADERS = ("loss", "length", "processes", "killed after iteration", "while writing", "values compared", "differ")


def measure(losses: tuple[str, ...], kills: int, seed: int) -> Data:
    """rows: of each case what was killed when, how many values were compared and which of them differ."""
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory() as scratch:
        return {"rows": [_row(Path(scratch), case, kills, dice) for case in _cases(losses)]}


def _cases(losses: tuple[str, ...]) -> Iterator[tuple[str, str, int]]:
    for loss in losses:
        for length in LENGTHS:
            yield loss, length, 1
    for length in LENGTHS:
        yield losses[0], length, 2


def _row(scratch: Path, case: tuple[str, str, int], kills: int, dice: random.Random) -> dict[str, Any]:
    loss, length, processes = case
    arguments = (
        f"--loss={loss}",
        *LENGTHS[length],
        *small_model(),
        *((f"--gpus={processes}",) if processes > 1 else ()),
    )
    name = "_".join(map(str, case)).replace(" ", "")
    whole, killed = scratch / f"{name}_whole", scratch / f"{name}_killed"
    finish(whole, arguments)
    found: list[Kill] = []
    while len(found) < kills:
        kill = kill_at_random(killed, arguments, dice, SECONDS)
        if kill is None:
            break
        found.append(kill)
    finish(killed, arguments)
    undisturbed = state_of(whole)
    row: dict[str, Any] = {
        "loss": loss,
        "length": length,
        "processes": processes,
        "killed_after": [kill.after for kill in found],
        "while_writing": sum(kill.writing for kill in found),
        "values": len(undisturbed),
        "differ": differences(undisturbed, state_of(killed)),
    }
    click.echo(f"{loss}, {length}, {processes} process(es): {len(found)} kills, {len(row['differ'])} values differ")
    return row


def _table(data: Data, style: str) -> str:
    rows = [
        (
            *(row["loss"], row["length"], row["processes"], ", ".join(map(str, row["killed_after"]))),
            *(row["while_writing"], row["values"], len(row["differ"])),
        )
        for row in data["rows"]
    ]
    return table(HEADERS, rows, "llrlr", style)


def _page(data: Data) -> list[str]:
    kills = sum(len(row["killed_after"]) for row in data["rows"])
    writing = sum(row["while_writing"] for row in data["rows"])
    return [
        f"{kills} trainings were ended by kill -9, {writing} of them while a checkpoint was being written, and started "
        "again with the same command. How they ended is compared, bit for bit, with runs that nobody disturbed: "
        "weights, state of the loss, optimizer, schedulers, random states of each process, epoch and iteration, and "
        "the predictions.",
        _table(data, "github"),
    ]


def _check(data: Data) -> None:
    wrong = [f"{row['loss']}, {row['length']}: {', '.join(row['differ'][:5])}" for row in data["rows"] if row["differ"]]
    if wrong:
        raise RunFailedError("runs that were killed ended otherwise:\n" + "\n".join(wrong))


CHAOS = Benchmark(
    name="chaos",
    title="Killed and started again",
    keys=("rows",),
    table=lambda data: _table(data, "simple"),
    page=_page,
    check=_check,
)


@click.command(context_settings=SETTINGS)
@click.option("--losses", default="federated,seesaw,eqlv2,ecm", show_default=True, callback=names)
@click.option("--kills", default=3, show_default=True, type=click.IntRange(min=1), help="Of each run.")
@click.option("--seed", default=0, show_default=True, help="Of the moments.")
@output_options
def main(out: Path, measured: Path | None, losses: tuple[str, ...], kills: int, seed: int) -> None:
    """Kill and compare, print a table, and write JSON and page."""
    conduct(CHAOS, out, measured, lambda: measure(losses, kills, seed))


if __name__ == "__main__":
    threads.prepare()
    main()

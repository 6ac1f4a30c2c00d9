"""`lt_bench eval CHECKPOINT --calibrate`: a row for each calibration, and its record where the run is finished."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lt_bench.cli.evaluate_targets import measured_on
from lt_bench.errors import UserError

if TYPE_CHECKING:
    from lt_bench.evaluation.ap.average_precision import Evaluator
    from lt_bench.evaluation.metrics import Measured
    from lt_bench.evaluation.terms import BoxOrMask
    from lt_bench.run.calibrated import Calibrated
    from lt_bench.run.folder import RunFolder

logger = logging.getLogger(__name__)

COLUMNS = ("AP", "AP50", "APr", "APc", "APf")


def calibrations_asked_for(texts: Sequence[str], targets: Sequence[Path], out: Path) -> list[Calibrated]:
    """What --calibrate says. out: the folder that theirs are in. Raises UserError for anything but a checkpoint."""
    if not texts:
        return []
    from lt_bench.api.calibrations import parse_calibrations
    from lt_bench.run.calibrated import calibrated_in

    if targets[0].suffix != ".pth":
        raise UserError(
            f"--calibrate needs the logits, and {targets[0]} holds predictions", "give the checkpoint (.pth)"
        )
    return calibrated_in(out, parse_calibrations(texts))


def run_to_record(checkpoint: Path, config: Path, as_run: bool, metrics: Collection[str]) -> RunFolder | None:
    """The run that calibrated records can be made of; None, and a note, where there can be none.

    as_run: whether data and kinds are the run's own.
    """
    from lt_bench.run.calibrated import run_of

    run = run_of(checkpoint)
    lacking = (
        "it is not the last checkpoint of a finished run"
        if run is None or config.resolve() != run.config.resolve()
        else "other annotations, or boxes or masks alone, were asked for"
        if not as_run
        else "further metrics were asked for"
        if set(metrics) != {"ap"}
        else None
    )
    if lacking:
        logger.info(f"no records of the calibrations are written: {lacking}")
    return None if lacking else run


def show_calibrated(
    own: Measured,
    calibrations: Sequence[Calibrated],
    annotations: Path,
    kinds: tuple[BoxOrMask, ...] | None,
    evaluator: Evaluator,
    run: RunFolder | None,
    loss: str,
    **options: Any,
) -> None:
    """Measure each calibration's predictions and show a row for each, below that of the loss's own scores.

    run: whose records are written. loss: its name. options: of `measured_on`.
    """
    from lt_bench.api.calibrations import in_words
    from lt_bench.run.calibrated import write_record
    from lt_bench.run.folder import RunFolder

    rows = {loss: own}
    for one in calibrations:
        predictions, started = RunFolder(one.folder).predictions, time.perf_counter()
        measured = measured_on(
            annotations, (predictions,), kinds, evaluator=evaluator, evidence=run is not None, **options
        )
        rows[f"{loss} + {in_words(one.block)}"] = measured
        if run is None:
            logger.info(f"predictions: {predictions}")
            continue
        write_record(one, run, measured, evaluator, time.perf_counter() - started)
        logger.info(f"record: {RunFolder(one.folder).result}")
    for text in tables(rows):
        click.echo(f"\n{text}")


def tables(rows: dict[str, Measured]) -> list[str]:
    """AP of boxes and of masks in percent, a row for each."""
    from tabulate import tabulate

    from lt_bench.evaluation.terms import KINDS

    found = []
    blocks = {label: measured.blocks().get("metrics", {}) for label, measured in rows.items()}
    for kind, word in KINDS.items():
        lines = [
            [label, *(_percent(block[kind][column]) for column in COLUMNS)]
            for label, block in blocks.items()
            if block.get(kind)
        ]
        if lines:
            alignment = ("left", *["right"] * len(COLUMNS))
            found.append(tabulate(lines, headers=[f"{word} AP", *COLUMNS], disable_numparse=True, colalign=alignment))
    return found


def _percent(value: float) -> str:
    return "-" if value < 0 else f"{100 * value:.2f}"

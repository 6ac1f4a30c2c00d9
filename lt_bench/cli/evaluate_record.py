"""`lt_bench eval --as record`: a record of predictions that were made elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from lt_bench.errors import UserError

if TYPE_CHECKING:
    from lt_bench.evaluation.ap.average_precision import Evaluator
    from lt_bench.evaluation.inputs.reading import Reading
    from lt_bench.evaluation.metrics import Measured
    from lt_bench.run.elsewhere import Named

logger = logging.getLogger(__name__)


def record_asked_for(
    form: str | None,
    name: str | None,
    dataset: str | None,
    annotations: Path | None,
    run: int,
    source: str | None,
    targets: tuple[Path, ...],
    metrics: Collection[str],
) -> Named | None:
    """What the user says of the predictions; None where no record is wanted. Raises UserError for what is missing."""
    if form is None:
        of_truth = dataset if annotations is not None else None  # else it says what is true
        given = [option for option, value in (("--name", name), ("--dataset", of_truth), ("--source", source)) if value]
        if given or run:
            raise UserError(f"{(given or ['--run'])[0]} is for a record", "add --as record, or leave it out")
        return None
    from lt_bench.run.elsewhere import Named

    if targets[0].suffix == ".pth":
        raise UserError("--as record is for predictions made elsewhere", "`run` writes the record of what it trains")
    if "ap" not in metrics:
        raise UserError("a record has LVIS AP, and no ap was asked for", "add ap to --metrics")
    for option, value in (("--name", name), ("--dataset", dataset)):
        if not (value or "").strip():
            raise UserError(f"--as record needs {option}", "say what the predictions are called, and of which data set")
    for option, value, most in (("--name", name, 200), ("--dataset", dataset, 200), ("--source", source, 1000)):
        if len(value or "") > most:
            raise UserError(f"{option} has {len(value or ''):,} characters", f"give at most {most}")
    return Named(str(name).strip(), str(dataset).strip(), run, source or None)


def record_folder(named: Named, out: Path | None) -> Path:
    """Where the record goes. Raises UserError when it can't."""
    from lt_bench.run.elsewhere import refuse_taken

    folder = out or named.folder()
    refuse_taken(folder)
    return folder


def write_record(
    folder: Path,
    named: Named,
    targets: tuple[Path, ...],
    annotations: Path,
    measured: Measured,
    evaluator: Evaluator,
    reading: Reading,
    seconds: float,
) -> None:
    from lt_bench.evaluation.two_files import boxes_and_masks
    from lt_bench.run import elsewhere

    predictions = boxes_and_masks((targets[0], targets[1]))[1] if len(targets) == 2 else targets[0]
    elsewhere.write_record(folder, named, predictions, annotations, measured, evaluator, reading, seconds)
    logger.info(f"record: {folder / 'result.json'}; `verify {folder}` and `leaderboard --add {folder}` take it")

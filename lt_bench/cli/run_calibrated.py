"""`lt_bench run --calibrate`: calibrations of what was trained, after it."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lt_bench.errors import UserError

if TYPE_CHECKING:
    from lt_bench.api.calibrations import Asked
    from lt_bench.data.dataset import Dataset
    from lt_bench.evaluation.ap.average_precision import Evaluator
    from lt_bench.run.experiment import Experiment

logger = logging.getLogger(__name__)


def calibrations_of_run(texts: Sequence[str], experiment: Experiment, data: Dataset) -> list[Asked]:
    """What --calibrate says. Raises UserError for what is not defined for what the run trains: before it does."""
    if not texts:
        return []
    from lt_bench.api.calibrations import parse_calibrations
    from lt_bench.run.calibrated import refuse_undefined
    from lt_bench.run.config import resolve

    asked = parse_calibrations(texts)
    refuse_undefined(asked, resolve(experiment, data.paths, data.train))
    return asked


def calibrate_run(
    path: Path, asked: Sequence[Asked], experiment: Experiment, data: Dataset, evaluator: Evaluator
) -> list[Path]:
    """The records of calibrations of a finished run, each done once: all that are missing in one pass.

    path: of the run. Raises UserError when the run's last checkpoint is gone, or a record was changed by hand.
    """
    if not asked:
        return []
    from lt_bench.evaluation.metrics import measure
    from lt_bench.run.calibrated import FOLDER, calibrated_in, finished, write_record
    from lt_bench.run.folder import RunFolder
    from lt_bench.run.record import evaluated_annotations
    from lt_bench.run.train import predict

    run = RunFolder(path)
    calibrations = calibrated_in(run.path / FOLDER, asked)
    missing = [one for one in calibrations if not finished(one)]
    if missing:
        checkpoint = run.last_checkpoint()
        if checkpoint is None:
            raise UserError(f"{run.path} has no checkpoint any more to calibrate", "train anew with --restart")
        logger.info(f"calibrating: {', '.join(one.asked.name for one in missing)}")
        predict(run.config, checkpoint, run.path / FOLDER, 0, missing)
    annotations = evaluated_annotations(run, data, experiment.exclude) if missing else data.val.path
    for one in missing:
        started = time.perf_counter()
        predictions = RunFolder(one.folder).predictions
        measured = measure(annotations, predictions, {"ap"}, experiment.kinds, evaluator, True)
        write_record(one, run, measured, evaluator, time.perf_counter() - started)
    return [RunFolder(one.folder).result for one in calibrations]

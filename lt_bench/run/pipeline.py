"""One run from its arguments to its record: plan, train and predict, evaluate, write.

Each step leaves its result in the run's folder, and a repeated run goes on after the last step that was finished.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from lt_bench.data.dataset import Dataset
from lt_bench.errors import RunFailedError, UserError
from lt_bench.evaluation.report import write_per_class
from lt_bench.run import distributed
from lt_bench.run.experiment import Experiment
from lt_bench.run.plan import Plan, make_plan
from lt_bench.run.train import CONFIG_FILE, LOG_FILE, TRAINING_FILE, last_checkpoint, train_and_predict
from lt_bench.utils.files import locked, sha256_of, write_atomic
from lt_bench.utils.terminal import shown
from lt_bench.utils.threads import environment

if TYPE_CHECKING:
    from lt_bench.evaluation.ap.average_precision import Evaluator
    from lt_bench.leaderboard.schema import ResultRecord

logger = logging.getLogger(__name__)

RESULT_FILE = "result.json"
PER_CLASS_FILE = "per_class.csv"
RUN_FILE = "run.json"
PREDICTIONS_FILE = "predictions.json"
LOCK_FILE = ".lock"

# What must be the same before a run goes on in a folder, and how it is called when it is not.
SAME_RUN = {
    "digest": "other arguments",
    "fingerprint": "another recipe or other data",
    "distribution": "another version of the loss",
}


@dataclass(frozen=True)
class Options:
    """What identifies no run.

    folder: of the run. devices: processes that share the batch, None for one (or for what torchrun started).
    images_per_device: at most so many images at a time on one, None for what the data set's config says.
    resume: there must be something to continue. restart: move what is there aside and begin anew.
    evaluator: "vernier" or "lvis". metrics: what is measured, of `lt_bench.evaluation.metrics`.
    """

    folder: Path
    devices: int | None = None
    images_per_device: int | None = None
    resume: bool = False
    restart: bool = False
    evaluator: Evaluator = "vernier"
    metrics: tuple[str, ...] = ("ap",)


def run(experiment: Experiment, dataset: Dataset, options: Options) -> ResultRecord:
    """Do what is left to do of a run, on rank 0. Returns its record.

    Raises UserError before anything is computed when something can't work, RunFailedError when training fails.
    """
    from lt_bench.leaderboard.store import read, write
    from lt_bench.run.record import extended, make_record

    missing = set(options.metrics)
    earlier = None
    plan = make_plan(experiment, dataset, options.devices, options.images_per_device)
    folder = options.folder.resolve()
    result = folder / RESULT_FILE
    with _claimed(folder, options.restart):
        if not options.restart:
            _refuse_another_run(folder, plan, SAME_RUN)
        if result.is_file():
            earlier = read(result)
            missing -= earlier.measured()
            if not missing:
                logger.info(f"this run is finished: {result} (run it anew with --restart)")
                distributed.announce(None)
                return earlier
            _refuse_other_predictions(folder / PREDICTIONS_FILE, earlier)
        if (folder / PREDICTIONS_FILE).is_file() and (folder / TRAINING_FILE).is_file():
            logger.info("training and predicting are done already")
            distributed.announce(None)
        else:
            config = _write_plan(plan, folder, options.resume)
            distributed.announce(config)
            if distributed.size() == 1 and plan.devices > 1:
                _launch(config, plan.devices)
            else:
                _train_here(config, experiment)
        logger.info("evaluating boxes and masks")
        record = make_record(folder, dataset, options.evaluator, missing)
        record = record if earlier is None else extended(earlier, record)
        write_per_class(folder / PER_CLASS_FILE, (row.model_dump() for row in record.per_class))
        write(record, result)
        return record


def follow() -> None:
    """What the ranks other than 0 do when torchrun started several: train the config that rank 0 announces.

    Returns at once when there is nothing to train; rank 0 says why.
    """
    config = distributed.await_config()
    if config is not None:
        train_and_predict(config)


def _refuse_other_predictions(predictions: Path, record: ResultRecord) -> None:
    """Raises UserError when a finished run can't be measured further: what it predicted is no longer there."""
    remedy = "begin anew with --restart; the record stays as it is"
    if not predictions.is_file():
        raise UserError(f"this run is finished, but {predictions} is gone", remedy)
    if sha256_of(predictions) != record.predictions:
        raise UserError(f"{predictions} is not what this run's record was measured on", remedy)


def _write_plan(plan: Plan, folder: Path, resume: bool) -> Path:
    """Write the run's config and what identifies it; returns the config's path."""
    checkpoint = last_checkpoint(folder)
    if resume and checkpoint is None:
        raise UserError(f"there is nothing to resume in {folder}", "start the run without --resume")
    cfg, facts = plan.cfg, plan.facts
    facts["started"] = datetime.now(timezone.utc).isoformat()
    for note in facts["notes"]:
        logger.info(note)
    if checkpoint is not None:
        # A checkpoint counts iterations of the data loader, and how many make one step depends on the devices.
        _refuse_another_run(folder, plan, {"batch": f"another share of the batch than {plan.batch}"})
        facts["started"] = _fact(folder, "started") or facts["started"]
        facts["notes"].append("resumed from a checkpoint")
        cfg.resume, cfg.load_from = True, str(checkpoint)
        logger.info(f"continuing after {checkpoint.name} (begin anew with --restart)")
    elif facts["init"]["kind"] == "random":
        logger.info("the backbone starts from RANDOM weights; the record and the tables say so")
    cfg.work_dir = cfg.test_evaluator.folder = str(folder)
    config = folder / CONFIG_FILE
    cfg.dump(str(config))
    write_atomic(folder / RUN_FILE, [json.dumps(facts, indent=2, default=list).encode()])
    experiment = facts["experiment"]
    logger.info(
        f"run: {experiment['loss']}, {experiment['detector']} {experiment['backbone']} {experiment['schedule']}, "
        f"recipe {experiment['recipe']}, seed {experiment['seed']}, fingerprint {facts['fingerprint'][:12]}\n"
        f"folder: {shown(folder)} (log: {LOG_FILE})"
    )
    return config


def _fact(folder: Path, key: str) -> str | None:
    """What an earlier start of the run in `folder` noted, None if there was none."""
    try:
        return str(json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))[key])
    except (OSError, ValueError, KeyError):
        return None


def _refuse_another_run(folder: Path, plan: Plan, same: dict[str, str]) -> None:
    """Raises UserError when `folder` holds a run that this one must not continue, answer for or overwrite."""
    if last_checkpoint(folder) is None and not any(
        (folder / name).exists() for name in (RESULT_FILE, PREDICTIONS_FILE)
    ):
        return  # that run never got anywhere
    for key, what in same.items():
        if _fact(folder, key) not in (None, plan.facts[key]):
            raise UserError(
                f"{folder} holds a run with {what}", "choose another --work-dir, or move it aside with --restart"
            )


@contextmanager
def _claimed(folder: Path, restart: bool) -> Iterator[None]:
    """The run's folder, for this process alone; with `restart`, an earlier run in it is moved aside first."""
    if restart and (folder / RUN_FILE).is_file():
        number = next(n for n in range(1, 10_000) if not folder.with_name(f"{folder.name}.old{n}").exists())
        kept = folder.with_name(f"{folder.name}.old{number}")
        folder.rename(kept)
        logger.info(f"the earlier run is kept in {kept}")
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(folder / LOCK_FILE, wait=False))
        except TimeoutError as error:
            raise UserError(f"another process runs in {folder}", "wait for it, or choose another --work-dir") from error
        except OSError as error:
            raise UserError(
                f"{folder} can't be the folder of a run: {error.strerror}", "choose another --work-dir"
            ) from error
        yield


def _train_here(config: Path, experiment: Experiment) -> None:
    """Train in this process. A mistake in the config is shown together with what --set put there."""
    try:
        train_and_predict(config)
    except UserError as error:
        changed = ", ".join(f"{key}={value!r}" for key, value in experiment.overrides.items())
        raise UserError(
            error.message, f"--set changed {changed}; {error.remedy}" if changed else error.remedy
        ) from error


def _launch(config: Path, devices: int) -> None:
    """Start one worker a device with torchrun and wait. Raises RunFailedError when one fails."""
    command = (
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={devices}"),
        *("-m", "lt_bench.run.train", str(config)),
    )
    code = subprocess.run(command, env=environment(devices), check=False).returncode
    if code:
        raise RunFailedError(f"training on {devices} devices failed (exit code {code}); see {config.parent / LOG_FILE}")

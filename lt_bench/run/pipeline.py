"""One run from its arguments to its record: plan, train and predict, evaluate, write.

Each step leaves its result in the run's folder, and a repeated run goes on after the last step that was finished.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lt_bench.data.dataset import Dataset
from lt_bench.errors import RunFailedError, StoppedError, UnreadableDataError, UserError
from lt_bench.evaluation.report import write_per_class
from lt_bench.evaluation.terms import PLURALS
from lt_bench.run import distributed
from lt_bench.run.experiment import Experiment
from lt_bench.run.folder import RunFolder
from lt_bench.run.log_backends import add_backends
from lt_bench.run.manifest import RunManifest
from lt_bench.run.plan import Plan, make_plan
from lt_bench.run.train import train_and_predict
from lt_bench.utils import stopping
from lt_bench.utils.files import sha256_of
from lt_bench.utils.terminal import shown
from lt_bench.utils.threads import environment

if TYPE_CHECKING:
    from lt_bench.detector.finite_loss import OnNaN
    from lt_bench.evaluation.ap.average_precision import Evaluator
    from lt_bench.leaderboard.schema import ResultRecord

logger = logging.getLogger(__name__)

TORCHRUN_PATIENCE = 40.0  # seconds; it gives its workers 30

# What of the manifest must be the same before a run goes on in a folder, and how it is called when it is not.
SAME_RUN = {
    "digest": "other arguments",
    "fingerprint": "another recipe or other data",
    "distribution": "another version of the loss",
}


@dataclass(frozen=True)
class RunOptions:
    """What identifies no run.

    folder: of the run. devices: processes that share the batch, None for one (or for what torchrun started).
    images_per_device: at most so many images at a time on one, None for what the data set's config says.
    resume: there must be something to continue. restart: move what is there aside and begin anew.
    checkpoint_every: steps or a time, see `parse_interval`; keep_epochs: whether those of the ends of epochs stay.
    log: backends of mmengine that show its curves too, see `lt_bench.run.log_backends`.
    on_nan: "skip" leaves out optimizer steps whose loss or gradient is not finite, and counts them.
    evaluator: "vernier" or "lvis". metrics: what is measured, of `lt_bench.evaluation.metrics`.
    """

    folder: Path
    devices: int | None = None
    images_per_device: int | None = None
    resume: bool = False
    restart: bool = False
    on_nan: OnNaN = "stop"
    checkpoint_every: str | None = None
    keep_epochs: bool = False
    log: tuple[str, ...] = ()
    evaluator: Evaluator = "vernier"
    metrics: tuple[str, ...] = ("ap",)


def run(experiment: Experiment, dataset: Dataset, options: RunOptions) -> ResultRecord:
    """Do what is left to do of a run, on rank 0. Returns its record.

    Raises UserError before anything is computed when something can't work, RunFailedError when training fails.
    """
    from lt_bench.leaderboard.store import read, write
    from lt_bench.run.record import extended, make_record, refuse_altered

    missing = set(options.metrics)
    earlier = None
    plan = make_plan(experiment, dataset, options.devices, options.images_per_device)
    folder = RunFolder(options.folder.resolve())
    with folder.claimed(options.restart):
        refuse_another_run(folder, plan.manifest, SAME_RUN)
        if folder.result.is_file():
            earlier = read(folder.result)
            refuse_altered(earlier, folder.result)
            missing -= earlier.measured()
            if not missing and _has_evidence(folder, earlier):
                logger.info(f"this run is finished: {folder.result} (run it anew with --restart)")
                distributed.broadcast_config(None)
                return earlier
            _refuse_other_predictions(folder.predictions, earlier)
        if folder.is_trained():
            logger.info("training and predicting are done already")
            distributed.broadcast_config(None)
        else:
            complete_config(plan, folder, options)
            _write_plan(plan, folder, options.resume)
            distributed.broadcast_config(folder.config)
            if distributed.world_size() == 1 and plan.devices > 1:
                _launch(folder, plan.devices)
            else:
                _train_here(folder, experiment)
        logger.info(f"evaluating {' and '.join(PLURALS[kind] for kind in experiment.kinds)}")
        record = make_record(folder, dataset, options.evaluator, missing, earlier)
        record = record if earlier is None else extended(earlier, record)
        write_per_class(folder.per_class, (row.model_dump() for row in record.per_class))
        write(record, folder.result)
        return record


def run_other_rank() -> None:
    """What the ranks other than 0 do when torchrun started several: train the config that rank 0 sends.

    Returns at once when there is nothing to train; rank 0 says why.
    """
    config = distributed.receive_config()
    if config is not None:
        train_and_predict(config)


def _has_evidence(folder: RunFolder, record: ResultRecord) -> bool:
    """Whether a finished run has its evidence, or can't get it: those of earlier versions were measured without."""
    if folder.has_evidence(record.evidence):
        return True
    if not folder.predictions.is_file():
        logger.warning(f"warning: this run has no evidence, and can't get it: {folder.predictions} is gone")
        return True
    logger.info("this run is finished, but has no evidence")
    return False


def _refuse_other_predictions(predictions: Path, record: ResultRecord) -> None:
    """Raises UserError when a finished run can't be measured further: what it predicted is no longer there."""
    remedy = "begin anew with --restart; the record stays as it is"
    if not predictions.is_file():
        raise UserError(f"this run is finished, but {predictions} is gone", remedy)
    if sha256_of(predictions) != record.predictions:
        raise UserError(f"{predictions} is not what this run's record was measured on", remedy)


def _write_plan(plan: Plan, folder: RunFolder, resume: bool) -> None:
    """Write the run's config and its manifest. Raises UserError when there is nothing to `resume`."""
    checkpoint = folder.whole_checkpoint()
    if resume and checkpoint is None:
        raise UserError(f"there is nothing to resume in {folder.path}", "start the run without --resume")
    cfg, manifest = plan.cfg, plan.manifest
    for note in manifest.notes:
        logger.info(note)
    if checkpoint is not None:
        # A checkpoint counts iterations of the data loader, and how many make one step depends on the devices.
        refuse_another_run(folder, manifest, {"batch": f"another share of the batch than {manifest.batch}"})
        started = folder.read_manifest().started if folder.manifest.is_file() else manifest.started
        notes = (*manifest.notes, "resumed from a checkpoint")
        manifest = manifest.model_copy(update={"started": started, "notes": notes})
        cfg.resume, cfg.load_from = True, str(checkpoint)
        logger.info(f"continuing after {checkpoint.name} (begin anew with --restart)")
    elif manifest.init.kind == "random":
        logger.info("the backbone starts from RANDOM weights; the record and the tables say so")
    cfg.dump(str(folder.config))
    folder.write_manifest(manifest)
    experiment = manifest.experiment
    logger.info(
        f"run: {experiment.loss}, {experiment.detector} {experiment.backbone} {experiment.schedule}, "
        f"recipe {experiment.recipe}, seed {experiment.seed}, fingerprint {manifest.fingerprint[:12]}\n"
        f"folder: {shown(folder.path)} (log: {folder.log.name})"
    )


def complete_config(plan: Plan, folder: RunFolder, options: RunOptions) -> None:
    """Put what identifies no run into the config of a plan.

    Raises UserError for an interval that is none, and for a package that a backend needs and that is not there.
    """
    from lt_bench.detector.resuming.interval import parse_interval

    cfg = plan.cfg
    cfg.work_dir = cfg.test_evaluator.folder = str(folder.path)
    add_backends(cfg, options.log, plan.manifest)
    if options.checkpoint_every is not None:
        parse_interval(options.checkpoint_every)
        cfg.default_hooks.checkpoint.every = options.checkpoint_every
    cfg.default_hooks.checkpoint.keep_epochs = options.keep_epochs
    if options.on_nan != "stop":  # as other configs are, they stay as they were
        for hook in cfg.custom_hooks:
            if hook.type == "FiniteLossHook":
                hook.on_nan = options.on_nan


def refuse_another_run(folder: RunFolder, manifest: RunManifest, same: dict[str, str]) -> None:
    """Raises UserError when `folder` holds a run that this one must not continue, answer for or overwrite."""
    if not folder.has_results():
        return  # that run never got anywhere
    if not folder.manifest.is_file():  # of another program, whose checkpoints would be taken for this run's
        raise UserError(
            f"{folder.path} holds results of something else: there is no {folder.manifest.name}",
            "choose another --work-dir",
        )
    remedy = "choose another --work-dir, or move it aside with --restart"
    try:
        earlier = folder.read_manifest()
    except UserError as error:
        raise UserError(f"{folder.path} holds another run: {error.message}", remedy) from error
    for name, what in same.items():
        if getattr(earlier, name) != getattr(manifest, name):
            raise UserError(f"{folder.path} holds a run with {what}", remedy)
    if None not in (earlier.image_files, manifest.image_files) and earlier.image_files != manifest.image_files:
        raise UserError(f"{folder.path} holds a run on other image files: some were changed since it began", remedy)


def _train_here(folder: RunFolder, experiment: Experiment) -> None:
    """Train in this process. A mistake in the config is shown together with what --set put there."""
    try:
        train_and_predict(folder.config)
    except UnreadableDataError:
        raise
    except UserError as error:
        changed = ", ".join(f"{key}={value!r}" for key, value in experiment.overrides.items())
        raise UserError(
            error.message, f"--set changed {changed}; {error.remedy}" if changed else error.remedy
        ) from error


def _launch(folder: RunFolder, devices: int) -> None:
    """Start one worker per device with torchrun and wait.

    They have a session of their own, so that signals come here alone: a file then asks them to save and to leave.
    Raises RunFailedError when one fails, StoppedError when they left.
    """
    folder.stop.unlink(missing_ok=True)
    command = (
        *(sys.executable, "-m", "lt_bench.run.launch", "--standalone", f"--nproc_per_node={devices}"),
        *("-m", "lt_bench.run.train", str(folder.config)),
    )
    process = subprocess.Popen(command, env=environment(devices), start_new_session=True)
    try:
        code = _wait(process, folder)
    finally:
        folder.stop.unlink(missing_ok=True)
    if code:
        raise RunFailedError(f"training on {devices} devices failed (exit code {code}); see {folder.log}")
    if not folder.is_trained():
        raise StoppedError(stopping.requested() or "SIGTERM", "what was trained is saved")


def _wait(process: subprocess.Popen[bytes], folder: RunFolder) -> int:
    """The exit code of torchrun. Asked to stop, its processes get time to save; Ctrl-C, again, ends them at once."""
    try:
        with stopping.asked_for("the training so far"):
            while True:
                with suppress(subprocess.TimeoutExpired):
                    return process.wait(0.5)
                if stopping.requested():
                    folder.stop.touch()
    finally:
        if process.poll() is None:
            process.terminate()  # torchrun ends its workers
            with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
                process.wait(TORCHRUN_PATIENCE)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

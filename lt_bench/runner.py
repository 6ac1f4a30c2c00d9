"""One run from its arguments to its record: prepare, train and predict, evaluate, write.

Each step leaves its result in the run's folder, and a repeated run goes on after the last step that was finished.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_bench import group
from lt_bench.devices import fit_to_devices
from lt_bench.errors import RunFailedError, UserError
from lt_bench.evaluation.files import write_atomic
from lt_bench.experiment import Experiment, resolve
from lt_bench.fingerprint import fingerprint
from lt_bench.source import Say, Source
from lt_bench.weights import ensure_weights
from lt_bench.worker import CONFIG_FILE, LOG_FILE, TRAINING_FILE, last_checkpoint, train_and_predict

if TYPE_CHECKING:
    from lt_bench.leaderboard.records import ResultRecord

RESULT_FILE = "result.json"
RUN_FILE = "run.json"
PREDICTIONS_FILE = "predictions.json"


@dataclass(frozen=True)
class Options:
    """What a run's numbers do not depend on.

    devices: processes that share the batch, None for one (or for what torchrun started). resume: there must be
    something to continue. restart: move what is there aside and begin anew. evaluator: "vernier" or "lvis".
    leaderboards: folder for the local tables.
    """

    folder: Path
    leaderboards: Path
    devices: int | None = None
    resume: bool = False
    restart: bool = False
    evaluator: str = "vernier"


def run(experiment: Experiment, source: Source, options: Options, say: Say) -> ResultRecord:
    """Do what is left to do of a run, on rank 0. Returns its record.

    Raises UserError before anything is computed when something can't work, RunFailedError when training fails.
    """
    from lt_bench.leaderboard.store import read, write
    from lt_bench.record import make_record

    folder = options.folder
    result = folder / RESULT_FILE
    if options.restart:
        _move_aside(folder, say)
    _refuse_another_run(folder, "digest", experiment.digest(), "other arguments")
    if result.is_file():
        say(f"this run is finished: {result} (run it anew with --restart)")
        group.announce(None)
        return read(result)
    if (folder / PREDICTIONS_FILE).is_file() and (folder / TRAINING_FILE).is_file():
        say("training and predicting are done already")
        group.announce(None)
    else:
        config = _prepare(experiment, source, options, say)
        group.announce(config)
        if group.size() == 1 and (options.devices or 1) > 1:
            _launch(config, options.devices or 1)
        else:
            train_and_predict(config)
    say("evaluating boxes and masks")
    record = make_record(folder, source, options.evaluator)
    write(record, result)
    return record


def follow() -> None:
    """What the ranks other than 0 do when torchrun started several: train the config that rank 0 announces.

    Returns at once when there is nothing to train; rank 0 says why.
    """
    config = group.await_config()
    if config is not None:
        train_and_predict(config)


def _prepare(experiment: Experiment, source: Source, options: Options, say: Say) -> Path:
    """Write the run's config and what identifies it; returns the config's path."""
    folder = options.folder
    started = datetime.now(timezone.utc).isoformat()
    checkpoint = last_checkpoint(folder)
    if options.resume and checkpoint is None:
        raise UserError(f"there is nothing to resume in {folder}", "start the run without --resume")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cfg = resolve(experiment, source.paths, source.train)
        _try_loss(experiment, cfg, source)
    notes = sorted({str(warning.message) for warning in caught if issubclass(warning.category, UserWarning)})
    for note in notes:
        say(f"warning: {note}")
    identity = fingerprint(cfg, source.digests())
    if checkpoint is not None:
        _refuse_another_run(folder, "fingerprint", identity, "another recipe or other data")
    description = ensure_weights(cfg)
    batch = cfg.train_dataloader.batch_size
    devices = _devices(options)
    cuda = _cuda_devices(devices) > 0
    if experiment.amp and not cuda:
        raise UserError("--amp needs a GPU, and this machine has none", "leave out --amp")
    fit_to_devices(cfg, devices, cuda)
    cfg.resume = checkpoint is not None
    cfg.work_dir = str(folder.resolve())
    cfg.test_evaluator.folder = cfg.work_dir
    folder.mkdir(parents=True, exist_ok=True)
    if checkpoint is not None:
        say(f"continuing after {checkpoint.name} (begin anew with --restart)")
        started, notes = _fact(folder, "started") or started, [*notes, "resumed from a checkpoint"]
    elif description.startswith("random"):
        say("the backbone starts from RANDOM weights; the record and the tables say so")
    config = folder / CONFIG_FILE
    cfg.dump(str(config))
    facts = {
        "experiment": asdict(experiment),
        "digest": experiment.digest(),
        "hyper_parameters": _loss_block(cfg)["hyper_parameters"],
        "fingerprint": identity,
        "init": {"kind": "random" if description.startswith("random") else "pretrained", "description": description},
        "started": started,
        "notes": notes,
    }
    write_atomic(folder / RUN_FILE, [json.dumps(facts, indent=2, default=list).encode()])
    accumulate = cfg.optim_wrapper.accumulative_counts
    say(
        f"run: {experiment.loss}, {experiment.detector} {experiment.backbone} {experiment.schedule}, recipe "
        f"{experiment.recipe}, seed {experiment.seed}, fingerprint {identity[:12]}\n"
        f"batch of {batch}: {devices} device(s) x {cfg.train_dataloader.batch_size} images x {accumulate} accumulated\n"
        f"folder: {folder} (log: {LOG_FILE})"
    )
    return config


def _devices(options: Options) -> int:
    """The number of processes that share the batch. Raises UserError when torchrun started another number."""
    if group.size() > 1 and options.devices not in (None, group.size()):
        raise UserError(
            f"torchrun started {group.size()} processes, --gpus asks for {options.devices}", "leave out --gpus"
        )
    return group.size() if group.size() > 1 else options.devices or 1


def _loss_block(cfg: Any) -> Any:
    from lt_bench.experiment import as_list

    return as_list(cfg.model.roi_head.bbox_head)[0].loss_cls


def _try_loss(experiment: Experiment, cfg: Any, source: Source) -> None:
    """Build the loss once: a bad hyper-parameter shows now and not when the data is loaded."""
    from lt_bench.registry import build_loss

    try:
        build_loss(experiment.loss, source.train.stats(), **_loss_block(cfg)["hyper_parameters"])
    except (ValueError, TypeError) as error:
        raise UserError(f"the loss {experiment.loss!r} can't be built: {error}", "mend --loss-set") from error


def _fact(folder: Path, key: str) -> str | None:
    """What an earlier start of the run in `folder` noted, None if there was none."""
    try:
        return str(json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))[key])
    except (OSError, ValueError, KeyError):
        return None


def _refuse_another_run(folder: Path, key: str, expected: str, what: str) -> None:
    """Raises UserError when `folder` holds a run that this one must not continue or overwrite."""
    if _fact(folder, key) not in (None, expected):
        raise UserError(
            f"{folder} holds a run with {what}", "choose another --work-dir, or move it aside with --restart"
        )


def _move_aside(folder: Path, say: Say) -> None:
    if not folder.exists():
        return
    number = next(n for n in range(1, 10_000) if not folder.with_name(f"{folder.name}.old{n}").exists())
    kept = folder.with_name(f"{folder.name}.old{number}")
    folder.rename(kept)
    say(f"the earlier run is kept in {kept}")


def _cuda_devices(wanted: int) -> int:
    """The number of GPUs, 0 on a machine without. Raises UserError when there are some, but too few."""
    import torch

    present = torch.cuda.device_count() if torch.cuda.is_available() else 0
    here = int(os.environ.get("LOCAL_WORLD_SIZE", wanted))
    if present and here > present:
        raise UserError(f"{here} GPUs were asked for, this machine has {present}", f"use --gpus {present} or fewer")
    return present


def _launch(config: Path, devices: int) -> None:
    """Start one worker a device with torchrun and wait. Raises RunFailedError when one fails."""
    command: Sequence[str] = (
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        f"--nproc_per_node={devices}",
        "-m",
        "lt_bench.worker",
        str(config),
    )
    environment = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // devices)), **os.environ}
    code = subprocess.run(command, env=environment, check=False).returncode
    if code:
        raise RunFailedError(f"training on {devices} devices failed (exit code {code}); see {config.parent / LOG_FILE}")

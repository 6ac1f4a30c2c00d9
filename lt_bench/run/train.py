"""Trains and predicts from a run's config: one process of the one or many that share a run.

Started in-process for one device, and by torchrun (`python -m lt_bench.run.train CONFIG`) for several.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_bench.errors import RunFailedError, UserError
from lt_bench.run import distributed
from lt_bench.utils import threads

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.runner import Runner

CONFIG_FILE = "config.py"
TRAINING_FILE = "training.json"
LOG_FILE = "run.log"


def train_and_predict(config: Path) -> None:
    """Train to the end (from the last checkpoint, when the config says resume), then predict the validation set.

    Leaves predictions.json and training.json (seconds, iterations, epochs, peak memory, device) beside the config.
    Raises RunFailedError when the loss becomes NaN or infinite, or a GPU runs out of memory.
    """
    import torch
    from mmengine.config import Config

    from lt_bench.detector.hooks import hook_of
    from lt_bench.detector.progress import ProgressHook

    cfg = Config.fromfile(str(config))
    folder = config.parent
    try:
        distributed.join()
        runner = _build_runner(cfg, folder)
        with _building(folder, unless=lambda: hook_of(runner, ProgressHook).began):
            runner.train()  # mmengine builds optimizer, schedulers and data only now
        _write_training(runner, folder)
        runner.test()
    except FloatingPointError as error:
        raise RunFailedError(f"{error}; the log is {folder / LOG_FILE}") from error
    except torch.OutOfMemoryError as error:
        raise RunFailedError(
            f"{error}\nGive a device fewer images at a time with --images-per-device 1; the global batch stays."
        ) from error
    finally:
        logging.captureWarnings(False)  # what is said of the evaluation is for the terminal again
        distributed.leave()


def predict(config: Path, checkpoint: Path, folder: Path, detections_per_image: int = 0) -> None:
    """Predict the validation set with a checkpoint; writes predictions.json into `folder`.

    detections_per_image: ask the model for at least so many, where the config asks for fewer.

    Raises UserError when the checkpoint can't be loaded or is of another model.
    """
    from mmengine.config import Config
    from mmengine.runner import CheckpointLoader

    cfg = Config.fromfile(str(config))
    cfg.load_from, cfg.resume, cfg.launcher = str(checkpoint), False, "none"
    cfg.test_evaluator.folder = str(folder)
    cfg.model.test_cfg.rcnn.max_per_img = max(cfg.model.test_cfg.rcnn.max_per_img, detections_per_image)
    cfg.pop("model_wrapper_cfg", None)
    for key in ("train_cfg", "train_dataloader", "optim_wrapper", "param_scheduler"):
        cfg[key] = None
    runner = _build_runner(cfg, folder)
    try:
        runner.load_or_resume()
        missing = set(runner.model.state_dict()) - set(
            CheckpointLoader.load_checkpoint(str(checkpoint), "cpu")["state_dict"]
        )
    except (pickle.UnpicklingError, RuntimeError, KeyError, EOFError, OSError, AttributeError, TypeError) as error:
        raise UserError(f"{checkpoint} can't be loaded: {error}", f"is it a checkpoint of {config}?") from error
    if missing:
        raise UserError(f"{checkpoint} lacks {len(missing)} weights", f"is it a checkpoint of {config}?")
    runner.test()


def last_checkpoint(folder: Path) -> Path | None:
    """The checkpoint that a run in `folder` would continue from, or None."""
    pointer = folder / "last_checkpoint"
    if not pointer.is_file():
        return None
    checkpoint = folder / Path(pointer.read_text(encoding="utf-8").strip()).name
    return checkpoint if checkpoint.is_file() else None


def _build_runner(cfg: Config, folder: Path) -> Runner:
    import torch
    from mmengine.logging import MMLogger
    from mmengine.runner import Runner

    from lt_bench.detector.progress import ProgressHook
    from lt_bench.operators import in_use

    class LoggedRunner(Runner):
        """mmengine's Runner that logs to the run's file, not to the terminal, and lays out the model for a CPU."""

        def build_logger(self, log_level: int | str = "INFO", log_file: str | None = None, **kwargs: Any) -> MMLogger:
            logger: MMLogger = super().build_logger(log_level, str(folder / LOG_FILE), **kwargs)
            for handler in list(logger.handlers):
                if isinstance(handler, logging.FileHandler):
                    _log_warnings_to(handler)
                else:
                    logger.removeHandler(handler)
            return logger

        def wrap_model(self, model_wrapper_cfg: dict[str, Any] | None, model: torch.nn.Module) -> torch.nn.Module:
            if not torch.cuda.is_available() and in_use().reads_channels_last:
                # convolutions take less time, and their values are the same within rounding
                model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            wrapped: torch.nn.Module = super().wrap_model(model_wrapper_cfg, model)
            return wrapped

    cfg.work_dir = str(folder)
    with _building(folder):
        runner = LoggedRunner.from_cfg(cfg)
    runner.register_hook(ProgressHook())
    return runner


@contextmanager
def _building(folder: Path, unless: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """What fails while a runner is put together is the config's fault: a UserError, the details in the log.

    unless: whether something was computed already, so that an error is no mistake in the config.
    """
    try:
        yield
    except (TypeError, ValueError, KeyError, AttributeError, AssertionError, OSError) as error:
        if unless():
            raise
        with (folder / LOG_FILE).open("a", encoding="utf-8") as log:
            log.write(traceback.format_exc())
        raise UserError(
            f"the config {folder / CONFIG_FILE} can't be built: {type(error).__name__}: {error}",
            f"{folder / LOG_FILE} has the details",
        ) from error


def _log_warnings_to(handler: logging.Handler) -> None:
    """Other libraries' warnings are for the log."""
    logging.captureWarnings(True)
    logger = logging.getLogger("py.warnings")
    logger.handlers[:] = [handler]
    logger.propagate = False


def _write_training(runner: Runner, folder: Path) -> None:
    import torch
    from mmengine.dist import all_reduce, is_main_process

    from lt_bench.detector.hooks import RunMeterHook, hook_of
    from lt_bench.operators import in_use
    from lt_bench.utils.files import write_atomic

    meter = hook_of(runner, RunMeterHook)
    busiest = torch.tensor(float(meter.peak_memory_bytes), dtype=torch.float64)
    all_reduce(busiest, "max")
    if not is_main_process():
        return
    accumulated = runner.cfg.optim_wrapper.get("accumulative_counts", 1)
    cuda = torch.cuda.is_available()
    summary = {
        "training_seconds": meter.training_seconds,
        "peak_memory_bytes": int(busiest),
        "iterations": runner.iter // accumulated,
        "epochs": runner.epoch,
        "device": torch.cuda.get_device_name() if cuda else processor(),
        "device_kind": "cuda" if cuda else "cpu",
        "device_count": runner.world_size,
        "operators": str(in_use()),
    }
    write_atomic(folder / TRAINING_FILE, [json.dumps(summary, indent=2).encode()])


def processor() -> str:
    """The name of this machine's processor and its cores."""
    import platform

    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{model or platform.processor() or platform.machine()} ({os.cpu_count()} cores)"


if __name__ == "__main__":
    threads.prepare()
    warnings.simplefilter("ignore")
    try:
        train_and_predict(Path(sys.argv[1]))
    except (RunFailedError, UserError) as error:
        sys.exit(f"error: {error}")

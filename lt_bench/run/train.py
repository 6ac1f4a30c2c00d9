"""Trains and predicts from a run's config: one process of the one or many that share a run.

Started in-process for one device, and by torchrun (`python -m lt_bench.run.train CONFIG`) for several.
"""

from __future__ import annotations

import logging
import pickle
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_bench.errors import RunFailedError, StoppedError, UnreadableDataError, UserError, of_worker
from lt_bench.run import distributed
from lt_bench.run.environment import processor
from lt_bench.run.folder import RunFolder
from lt_bench.run.manifest import TrainingSummary
from lt_bench.utils import memory, sockets, stopping, streams, threads
from lt_bench.utils.leaving import called, seen_to_leave
from lt_bench.utils.locks import locked
from lt_bench.utils.system import end_with_parent
from lt_bench.utils.weights_only import UNREADABLE, weights_only

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.runner import Runner

    from lt_bench.run.calibrated import Calibrated

PREDICTING = "Predicting needs a device with more memory, or one that is free."
TRAINED = f"{PREDICTING} What was trained is saved."
_MISTAKES = (TypeError, ValueError, KeyError, AttributeError, AssertionError, OSError)


def train_and_predict(config: Path) -> None:
    """Train to the end (from the last checkpoint, when the config says resume), then predict the validation set.

    Leaves predictions.json and training.json (seconds, iterations, epochs, peak memory, device) beside the config.
    Raises RunFailedError when loss or gradient become NaN or infinite, memory runs out, or a loss ends the process,
    UnreadableDataError when an image or its annotations can't be read, StoppedError when a signal asked to stop
    (training is saved then).
    """
    from mmengine.config import Config

    from lt_bench.detector.hooks import hook_of
    from lt_bench.detector.progress import ProgressHook

    cfg = Config.fromfile(str(config))
    folder = RunFolder(config.parent)
    with ExitStack() as stack:
        try:
            distributed.init_process_group()
            stack.enter_context(distributed.missing_silent_ranks())
            if distributed.is_rank_zero():  # of an earlier start, processes may be saving still
                stack.enter_context(locked(folder.training))
            runner = _build_runner(cfg, folder)
            building = _building(folder, unless=lambda: hook_of(runner, ProgressHook).began)
            amp = "Amp" in cfg.optim_wrapper.get("type", "")
            lacking = memory.in_training(int(cfg.train_dataloader.batch_size), amp)
            with building, weights_only(), stopping.asked_for("the training so far"), memory.explained(lacking):
                runner.train()  # mmengine builds optimizer, schedulers and data only now
            _write_summary(runner, folder)
            with memory.explained(TRAINED):
                runner.test()
        except FloatingPointError as error:
            raise RunFailedError(
                f"{error}\nThe log is {folder.log}; --on-nan skip leaves such steps out, and counts them."
            ) from error
        except UnreadableDataError as error:
            logging.getLogger(__name__).debug("where it happened:", exc_info=True)
            raise of_worker(error) from error
        except SystemExit as error:  # of a plugin: it would look like a run that has ended well
            logging.getLogger(__name__).debug("where it happened:", exc_info=True)
            raise RunFailedError(f"something in the run called {called(error)}\n-v shows where") from error
        finally:
            logging.captureWarnings(False)  # what is said of the evaluation is for the terminal again
            stopping.dismiss()  # loader workers that would be waited for
            distributed.destroy_process_group()


def predict(
    config: Path,
    checkpoint: Path,
    folder: Path,
    detections_per_image: int = 0,
    calibrations: Sequence[Calibrated] = (),
) -> None:
    """Predict the validation set with a checkpoint; writes predictions.json into `folder`, and those with calibrations
    into their own folders, all in one pass over the images.

    detections_per_image: ask the model for at least so many, where the config asks for fewer.

    Raises UserError when the checkpoint can't be loaded or is of another model, or a calibration is not defined for it,
    RunFailedError for lack of memory.
    """
    from mmengine.config import Config
    from mmengine.runner import CheckpointLoader

    cfg = Config.fromfile(str(config))
    cfg.load_from, cfg.resume, cfg.launcher = str(checkpoint), False, "none"
    cfg.test_evaluator.folder = str(folder)
    cfg.model.test_cfg.rcnn.max_per_img = max(cfg.model.test_cfg.rcnn.max_per_img, detections_per_image)
    cfg.pop("model_wrapper_cfg", None)
    stated = {"train_dataloader": cfg.get("train_dataloader")}  # of which calibrations take the class counts
    for key in ("train_cfg", "train_dataloader", "optim_wrapper", "param_scheduler"):
        cfg[key] = None
    runner = _build_runner(cfg, RunFolder(folder))
    try:
        with weights_only():
            runner.load_or_resume()
            missing = set(runner.model.state_dict()) - set(
                CheckpointLoader.load_checkpoint(str(checkpoint), "cpu")["state_dict"]
            )
    except UNREADABLE as error:
        raise UserError(f"{checkpoint} can't be loaded: {error}", f"is it a checkpoint of {config}?") from error
    if missing:
        raise UserError(f"{checkpoint} lacks {len(missing)} weights", f"is it a checkpoint of {config}?")
    if calibrations:
        from lt_bench.detector.calibrated_predictions import CalibratedPredictionsHook
        from lt_bench.run.calibrated import build

        roi_head = runner.model.roi_head
        runner.register_hook(CalibratedPredictionsHook(roi_head, build(calibrations, roi_head, stated)))
    with memory.explained(PREDICTING):
        runner.test()


def _build_runner(cfg: Config, folder: RunFolder) -> Runner:
    import torch
    from mmengine.logging import MMLogger
    from mmengine.runner import Runner

    from lt_bench.detector.guarded_steps import IN_PLACE_OF as GUARDED
    from lt_bench.detector.progress import ProgressHook
    from lt_bench.detector.resuming.loops import IN_PLACE_OF
    from lt_bench.detector.resuming.order import QuietWorker
    from lt_bench.operators import in_use

    class LoggedRunner(Runner):
        """mmengine's Runner that logs to the run's file, not to the terminal, and lays out the model for a CPU."""

        def build_logger(self, log_level: int | str = "INFO", log_file: str | None = None, **kwargs: Any) -> MMLogger:
            logger: MMLogger = super().build_logger(log_level, str(folder.log), **kwargs)
            for handler in list(logger.handlers):
                if isinstance(handler, logging.FileHandler):
                    handler.stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # whatever the locale
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

        def build_dataloader(self, *args: Any, **kwargs: Any) -> Any:
            loader = Runner.build_dataloader(*args, **kwargs)
            if loader.num_workers:
                sockets.make_folder()
            loader.worker_init_fn = QuietWorker(loader.worker_init_fn)
            return loader

        def build_optim_wrapper(self, optim_wrapper: Any) -> Any:
            if isinstance(optim_wrapper, dict):
                kind = optim_wrapper.get("type", "OptimWrapper")
                optim_wrapper = {**optim_wrapper, "type": GUARDED.get(kind, kind)}
            return super().build_optim_wrapper(optim_wrapper)

        def build_train_loop(self, loop: Any) -> Any:
            kind = loop.get("type") if isinstance(loop, dict) else None
            return super().build_train_loop({**loop, "type": IN_PLACE_OF[kind]} if kind in IN_PLACE_OF else loop)

    cfg.work_dir = str(folder.path)
    with _building(folder):
        runner = LoggedRunner.from_cfg(cfg)
    runner.register_hook(ProgressHook())
    return runner


@contextmanager
def _building(folder: RunFolder, unless: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """What fails while a runner is put together is the config's fault: a UserError, the details in the log.

    unless: whether something was computed already, so that an error is no mistake in the config.
    """
    try:
        yield
    except (*_MISTAKES, pickle.UnpicklingError) as error:
        if unless():
            raise
        with folder.log.open("a", encoding="utf-8") as log:
            log.write(traceback.format_exc())
        raise UserError(
            f"the config {folder.config} can't be built: {type(error).__name__}: {error}",
            f"{folder.log} has the details",
        ) from error


def _log_warnings_to(handler: logging.Handler) -> None:
    """Other libraries' warnings are for the log."""
    logging.captureWarnings(True)
    logger = logging.getLogger("py.warnings")
    logger.handlers[:] = [handler]
    logger.propagate = False


def _write_summary(runner: Runner, folder: RunFolder) -> None:
    import torch
    from mmengine.dist import all_reduce, is_main_process

    from lt_bench.detector.finite_loss import FiniteLossHook
    from lt_bench.detector.hooks import RunMeterHook, hook_of
    from lt_bench.operators import in_use

    meter = hook_of(runner, RunMeterHook)
    busiest = torch.tensor(float(meter.peak_memory_bytes), dtype=torch.float64)
    all_reduce(busiest, "max")
    if not is_main_process():
        return
    accumulated = runner.cfg.optim_wrapper.get("accumulative_counts", 1)
    cuda = torch.cuda.is_available()
    folder.write_summary(
        TrainingSummary(
            training_seconds=meter.training_seconds,
            peak_memory_bytes=int(busiest),
            iterations=runner.iter // accumulated,
            epochs=runner.epoch,
            device=torch.cuda.get_device_name() if cuda else processor(),
            device_kind="cuda" if cuda else "cpu",
            device_count=runner.world_size,
            operators=str(in_use()),
            skipped_steps=hook_of(runner, FiniteLossHook).skipped,
        )
    )


if __name__ == "__main__":
    threads.prepare()
    streams.prepare()
    warnings.simplefilter("ignore")
    try:
        with stopping.stoppable(), seen_to_leave():
            end_with_parent()
            train_and_predict(Path(sys.argv[1]))
    except (RunFailedError, UserError) as error:
        sys.exit(f"error: {error}")
    except StoppedError:
        pass  # torchrun would call it a failure; who started it sees that nothing was predicted

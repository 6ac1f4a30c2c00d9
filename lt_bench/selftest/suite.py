"""All checks in the order in which they run: what the others rest on comes first."""

from __future__ import annotations

import gc
import tempfile
import time
import warnings
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import torch

from lt_bench.errors import UserError, did_you_mean
from lt_bench.selftest import detector, losses, operators, pipeline, ranks, training
from lt_bench.selftest.result import Check, CheckContext, Outcome, Row, Status
from lt_bench.testing.result import NotApplicable, reason

CHECKS: tuple[Check, ...] = (
    *operators.CHECKS,
    *losses.CHECKS,
    *detector.CHECKS,
    *pipeline.CHECKS,
    *ranks.CHECKS,
    *training.CHECKS,
)


def choose(only: Collection[str]) -> list[Check]:
    """The checks of `only`, names or groups; all of them if it is empty. Raises UserError for an unknown one."""
    known = {name for check in CHECKS for name in (check.group, check.name)}
    for name in only:
        if name not in known:
            raise UserError(f"there is no check {name!r}", did_you_mean(name, known))
    return [check for check in CHECKS if not only or {check.group, check.name} & set(only)]


def find_device(name: str | None) -> torch.device:
    """The device to check, "cpu" or "cuda": None for the GPU where there is one. Raises UserError without that GPU."""
    if name == "cuda" and not torch.cuda.is_available():
        built = torch.version.cuda
        if built:
            problem = f"torch {torch.__version__}, built for CUDA {built}, finds no GPU"
            remedy = "nvidia-smi says what the driver sees; CUDA_VISIBLE_DEVICES may hide it"
        else:
            problem = f"torch {torch.__version__} is a CPU build"
            remedy = "install torch for CUDA, and the torchvision of that torch (docs/gpu.md)"
        raise UserError(f"--device cuda: {problem}", f"{remedy}; --device cpu checks the rest")
    return torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))


def run(device: torch.device, checks: Sequence[Check]) -> Iterator[Row]:
    """A row for each check as it ends. What fails in one, in whatever way, is its row; the others go on."""
    for check in checks:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other packages
            started = time.perf_counter()
            status, found = _verdict(check, CheckContext(device, Path(folder)))
            seconds = time.perf_counter() - started
        yield Row(check.group, check.name, status, found.detail, seconds, found.figures)
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()


def _verdict(check: Check, context: CheckContext) -> tuple[Status, Outcome]:
    try:
        return "passed", check.run(context)
    except NotApplicable as why:
        return "skipped", Outcome(str(why))
    except (Exception, SystemExit) as error:  # a broken installation can fail in any way
        return "failed", Outcome(reason(error))

"""Times the way to the first training iteration, and measures the data set's memory, of lt_bench and stock mmdet."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.common import CHECKOUT, OURS, STOCK
from benchmarks.common.processes import module_command, proportional_size
from benchmarks.startup.synthetic_train import TRAIN, VAL, write_data_set
from lt_bench.errors import RunFailedError

SIDES = (OURS, STOCK)
POLL, PATIENCE = 0.02, 3600.0  # seconds
# One small step of training, so that what is timed is the way to it.
SETTINGS = (
    "train_dataloader.batch_size=2",
    "train_dataloader.dataset.dataset.pipeline.2.scales=[(160,120)]",
    "model.train_cfg.rpn.sampler.num=16",
    "model.train_cfg.rpn_proposal.nms_pre=50",
    "model.train_cfg.rpn_proposal.max_per_img=20",
    "model.train_cfg.rcnn.sampler.num=16",
    "default_hooks.logger.interval=1",
)
FIRST_ITERATION = "Iter(train)"


def measure_startup(
    data: Path, scale: float = 1.0, repeats: int = 3, ranks: int = 8, stock_ranks: int = 2, workers: int = 2
) -> dict[str, Any]:
    """All samples. data: folder of the data set, written there first when it is missing.

    start: seconds from the command to the end of the first training iteration, of each side in turn; `first` is the
    first start ever, which indexes the annotations and checks all images. dataset: seconds and peak memory (bytes)
    of building the training set alone. memory: proportional set size (bytes) of `ranks` processes and their loaders'
    workers, which counts a page that n processes share as 1 / n of it in each.
    """
    root = data.resolve()
    if not (root / "annotations").is_dir():
        train, val = ((round(images * scale), round(count * scale)) for images, count in (TRAIN, VAL))
        write_data_set(root, train, val)
    annotations = root / "annotations" / "lvis_v1_train.json"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        environment = {**os.environ, "LT_BENCH_CACHE": str(folder / "cache")}
        result: dict[str, Any] = {
            "data": {"scale": scale, "bytes": annotations.stat().st_size},
            "start": {"first": [_start_ours(root, folder, environment)], **{side: [] for side in SIDES}},
            "dataset": {side: [] for side in SIDES},
        }
        ours = folder / "run" / "config.py"
        configs = {OURS: ours, STOCK: _stock_config(ours, root, folder)}
        train_stock = module_command("benchmarks.startup.train_stock", configs[STOCK])
        for _ in range(repeats):
            result["start"][OURS].append(_start_ours(root, folder, environment))
            result["start"][STOCK].append(_until_first_iteration(train_stock, folder / "stock.log", environment))
            for side in SIDES:
                with _loading(configs[side], 0, environment) as (_, report):
                    result["dataset"][side].append({key: report[key] for key in ("seconds", "peak", "images")})
        result["memory"] = {
            side: _memory(configs[side], count, workers, environment)
            for side, count in ((OURS, ranks), (STOCK, stock_ranks))
            if count
        }
    return result


def _start_ours(root: Path, folder: Path, environment: dict[str, str]) -> float:
    settings = [part for setting in SETTINGS for part in ("--set", setting)]
    command = (
        *(sys.executable, "-m", "lt_bench", "run", "--loss", "ce", "--dataset", "lvis_v1", "--data-root", str(root)),
        *("--init", "random", "--max-iters", "10", "--work-dir", str(folder / "run"), "--restart", *settings),
    )
    return _until_first_iteration(command, folder / "run" / "run.log", environment)


def _until_first_iteration(command: Sequence[str], log: Path, environment: dict[str, str]) -> float:
    """Seconds until the log tells of the first iteration; the processes are then ended."""
    log.unlink(missing_ok=True)
    output = log.with_name(f"{log.stem}.output")
    output.parent.mkdir(exist_ok=True)
    began = time.perf_counter()
    with output.open("w") as stream:
        process = subprocess.Popen(
            command, cwd=CHECKOUT, stdout=stream, stderr=stream, env=environment, start_new_session=True
        )
    try:
        while True:
            for path in (log, output):
                if path.is_file() and FIRST_ITERATION in path.read_text(encoding="utf-8", errors="replace"):
                    return time.perf_counter() - began
            if process.poll() is not None or time.perf_counter() - began > PATIENCE:
                raise RunFailedError(f"no iteration: {' '.join(command)}\n{output.read_text()[-3000:]}")
            time.sleep(POLL)
    finally:
        _end(process)


def _end(process: subprocess.Popen[Any]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _stock_config(ours: Path, root: Path, folder: Path) -> Path:
    """The config of the run with mmdet's own data sets; everything else is the same."""
    from mmengine.config import Config

    cfg = Config.fromfile(str(ours))
    inner = cfg.train_dataloader.dataset.dataset
    cfg.train_dataloader.dataset = {
        "type": "ClassBalancedDataset",
        "oversample_thr": cfg.train_dataloader.dataset.oversample_thr,
        "dataset": {
            "type": "LVISV1Dataset",
            "data_root": str(root),
            "ann_file": "annotations/lvis_v1_train.json",
            "data_prefix": {"img": ""},
            "filter_cfg": inner.filter_cfg,
            "pipeline": inner.pipeline,
        },
    }
    for key in ("test_dataloader", "test_evaluator", "test_cfg"):
        cfg[key] = None
    cfg.work_dir = str(folder / "stock")
    path = folder / "stock.py"
    cfg.dump(str(path))
    return path


@contextmanager
def _loading(
    config: Path, workers: int, environment: dict[str, str]
) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A process that has built the training set, and what it says of it."""
    process = subprocess.Popen(
        module_command("benchmarks.startup.load_dataset", config, str(workers)),
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        report = next((line for line in process.stdout if line.startswith("{")), None)
        if report is None:
            raise RunFailedError(f"the data set of {config} can't be built")
        yield process, json.loads(report)
    finally:
        _end(process)


def _memory(config: Path, ranks: int, workers: int, environment: dict[str, str]) -> dict[str, Any]:
    """Proportional set sizes of so many processes at a time. They start one after the other: stock's parsing of the
    annotations takes several times what it keeps."""
    with ExitStack() as stack:
        running = [stack.enter_context(_loading(config, workers, environment)) for _ in range(ranks)]
        sizes = [[proportional_size(pid) for pid in (process.pid, *report["workers"])] for process, report in running]
    return {"ranks": ranks, "workers": workers, "pss": sizes}

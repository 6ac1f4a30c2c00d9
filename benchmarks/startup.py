"""From the command to the first training iteration, and memory of many processes: lt_bench against stock mmdet.

    python benchmarks/startup.py                    a made-up data set of LVIS's size: about an hour, 1.5 GB of disk
    python benchmarks/startup.py --scale 0.01       a hundredth of it, to try

Both train the same model on the same annotations: stock mmdet with LVISV1Dataset and ClassBalancedDataset, in
mmengine's Runner, without lt_bench's command line. Prints a table, writes startup.json (every sample) and startup.md.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from made_up_train import TRAIN, VAL, write_data_set
from tabulate import tabulate

from lt_bench.utils import threads

RESULTS = Path(__file__).resolve().parent / "results"
SIDES = ("lt_bench", "stock")
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
STOCK_TRAINING = """
import sys
from mmengine.config import Config
from mmengine.runner import Runner
cfg = Config.fromfile(sys.argv[1])
Runner.from_cfg(cfg).train()
"""
# Builds the training set as the config has it; with workers, also starts a loader, and waits to be told to end.
LOADING = """
import json, resource, sys, time
from mmengine.config import Config
from mmdet.registry import DATASETS
from mmengine.registry import init_default_scope
cfg, workers, batches = Config.fromfile(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
if "custom_imports" in cfg:
    from mmengine.utils import import_modules_from_strings
    import_modules_from_strings(**cfg.custom_imports)
init_default_scope("mmdet")
began = time.perf_counter()
dataset = DATASETS.build(cfg.train_dataloader.dataset)
seconds = time.perf_counter() - began
pids = []
if workers:
    from torch.utils.data import DataLoader
    loader = DataLoader(dataset, 2, True, num_workers=workers, collate_fn=len, persistent_workers=True)
    iterator = iter(loader)
    for _ in range(batches):
        next(iterator)
    pids = [worker.pid for worker in iterator._workers]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"seconds": seconds, "peak": peak, "images": len(dataset), "workers": pids}), flush=True)
sys.stdin.read()
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--scale", default=1.0, show_default=True, type=click.FloatRange(0, 1, min_open=True))
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the made-up data; kept. Default: a new one.")
@click.option("--repeats", default=3, show_default=True, type=click.IntRange(min=1), help="Starts of each side.")
@click.option("--ranks", default=8, show_default=True, type=click.IntRange(min=1), help="Processes of lt_bench.")
@click.option("--stock-ranks", default=2, show_default=True, type=click.IntRange(min=0), help="Of stock mmdet.")
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS, help="Folder. Default: benchmarks/results.")
def main(scale: float, data: Path | None, repeats: int, ranks: int, stock_ranks: int, out: Path) -> None:
    """Measure both, print a table, and write JSON and page."""
    import torch
    from machine import describe

    with tempfile.TemporaryDirectory() as scratch:
        result = measure_startup(data or Path(scratch) / "data", scale, repeats, ranks, stock_ranks)
    command = f"python benchmarks/startup.py --scale {scale:g} --repeats {repeats} --ranks {ranks}"
    command += f" --stock-ranks {stock_ranks}"
    result = {"command": command, "machine": describe(torch.device("cpu")), **result}
    out.mkdir(parents=True, exist_ok=True)
    (out / "startup.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (out / "startup.md").write_text(page(result), encoding="utf-8")
    click.echo(table(result, "simple"))


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
        configs = {"lt_bench": ours, "stock": _stock_config(ours, root, folder)}
        for _ in range(repeats):
            result["start"]["lt_bench"].append(_start_ours(root, folder, environment))
            result["start"]["stock"].append(_start_stock(configs["stock"], folder, environment))
            for side in SIDES:
                with _loading(configs[side], 0, environment) as (_, report):
                    result["dataset"][side].append({key: report[key] for key in ("seconds", "peak", "images")})
        result["memory"] = {
            side: _memory(configs[side], count, workers, environment)
            for side, count in (("lt_bench", ranks), ("stock", stock_ranks))
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


def _start_stock(config: Path, folder: Path, environment: dict[str, str]) -> float:
    return _until_first_iteration(
        (sys.executable, "-c", STOCK_TRAINING, str(config)), folder / "stock.log", environment
    )


def _until_first_iteration(command: Sequence[str], log: Path, environment: dict[str, str]) -> float:
    """Seconds until the log tells of the first iteration; the processes are then ended."""
    log.unlink(missing_ok=True)
    output = log.with_name(f"{log.stem}.output")
    output.parent.mkdir(exist_ok=True)
    began = time.perf_counter()
    with output.open("w") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, env=environment, start_new_session=True)
    try:
        while True:
            for path in (log, output):
                if path.is_file() and FIRST_ITERATION in path.read_text(encoding="utf-8", errors="replace"):
                    return time.perf_counter() - began
            if process.poll() is not None or time.perf_counter() - began > PATIENCE:
                raise click.ClickException(f"no iteration: {' '.join(command)}\n{output.read_text()[-3000:]}")
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
    config: Path, workers: int, environment: dict[str, str], batches: int = 50
) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A process that has built the training set, and what it says of it."""
    process = subprocess.Popen(
        (sys.executable, "-c", LOADING, str(config), str(workers), str(batches)),
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
            raise click.ClickException(f"the data set of {config} can't be built")
        yield process, json.loads(report)
    finally:
        _end(process)


def _memory(config: Path, ranks: int, workers: int, environment: dict[str, str]) -> dict[str, Any]:
    """Proportional set sizes of so many processes at a time. They start one after the other: stock's parsing of the
    annotations takes several times what it keeps."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        running = [stack.enter_context(_loading(config, workers, environment)) for _ in range(ranks)]
        sizes = [[_pss(pid) for pid in (process.pid, *report["workers"])] for process, report in running]
    return {"ranks": ranks, "workers": workers, "pss": sizes}


def _pss(pid: int) -> int:
    """Bytes."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def rows(result: dict[str, Any]) -> list[list[str]]:
    """What, lt_bench, stock mmdet, ratio."""
    start, dataset, memory = result["start"], result["dataset"], result["memory"]
    found = [
        _row("command to first iteration, s", *(statistics.median(start[side]) for side in SIDES)),
        _row("data set alone, s", *(_median(dataset[side], "seconds") for side in SIDES)),
        _row("data set alone, peak GB", *(_median(dataset[side], "peak") / 1e9 for side in SIDES)),
    ]
    if len(memory) == 2:
        per_rank = (sum(map(sum, memory[side]["pss"])) / memory[side]["ranks"] / 1e9 for side in SIDES)
        found.append(_row("memory of a rank and its workers (PSS), GB", *per_rank))
    return found


def _row(what: str, ours: float, stock: float) -> list[str]:
    return [what, f"{ours:.2f}", f"{stock:.2f}", f"{stock / ours:.1f}"]


def _median(samples: list[dict[str, float]], key: str) -> float:
    return statistics.median(sample[key] for sample in samples)


def table(result: dict[str, Any], style: str) -> str:
    return str(tabulate(rows(result), headers=["", *SIDES, "stock / lt_bench"], tablefmt=style, disable_numparse=True))


def page(result: dict[str, Any]) -> str:
    memory = [
        f"{side} was measured with {found['ranks']} ranks of {found['workers']} workers"
        for side, found in result["memory"].items()
    ]
    parts = [
        "# Start-up and memory of the data",
        "Made from `startup.json` by `benchmarks/startup.py`: medians, warm caches, both sides in turn. The "
        f"annotations are made up, {result['data']['bytes'] / 1e9:.2f} GB. The first start of lt_bench, which indexes "
        f"the annotations and decodes every image once, took {result['start']['first'][0]:.0f} s.",
        table(result, "github"),
        "; ".join(memory) + ". PSS counts a page that n processes share as 1 / n of it in each.",
        "## Machine",
        "\n".join(f"- {key}: {value}" for key, value in result["machine"].items()),
        f"    {result['command']}",
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    threads.prepare()
    main()

"""Measures every task at every setting, checked first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

import click
import torch

from benchmarks.common import OURS, STOCK
from benchmarks.detector.breakdown import INFERENCE_PARTS, TRAINING_PARTS, breakdown
from benchmarks.detector.inference import inferences
from benchmarks.detector.pair import Pair, Setting, build_pair, make_sparse
from benchmarks.detector.parity import Check, check_inference, check_training
from benchmarks.detector.summary import EVALUATION, INFERENCE, SPARSE_INFERENCE, STARTUP, TRAINING
from benchmarks.evaluation.lvis_ap import compare_evaluators
from benchmarks.evaluation.synthetic_val import CATEGORIES, write_val
from benchmarks.startup.measure import measure_startup
from lt_bench.errors import RunFailedError
from lt_bench.selftest.stock import foreign_modules, held_bytes, training_steps
from lt_bench.testing.measure import Prepare, interleaved_seconds, peak_bytes

Entry = tuple[Literal["check", "result"], dict[str, Any]]
# In a tiny run: few RoIs, proposals and detections.
SMALL = (
    ("model.train_cfg.rpn_proposal.max_per_img", 100),
    ("model.train_cfg.rcnn.sampler.num", 16),
    ("model.test_cfg.rpn.max_per_img", 50),
    ("model.test_cfg.rcnn.max_per_img", 10),
)


@dataclass(frozen=True)
class Scope:
    """Of one run of the benchmark. val_images: of the evaluation. startup_scale: 1 for LVIS's size."""

    device: torch.device
    classes: tuple[int, ...]
    backbones: tuple[str, ...]
    loss: str
    amp: tuple[bool, ...]
    scale: tuple[int, int]
    tasks: tuple[str, ...]
    repeats: int
    val_images: int
    startup_scale: float
    small: bool


def measure_detectors(scope: Scope, folder: Path) -> Iterator[Entry]:
    """Training and inference. Raises RunFailedError when the stock detector has one of our modules."""
    for classes, backbone, amp in product(scope.classes, scope.backbones, scope.amp):
        training = "training" in scope.tasks
        inference = "inference" in scope.tasks and amp == scope.amp[0]  # mmengine's test loop knows no AMP by default
        if not (training or inference):
            continue
        setting = Setting(
            classes,
            backbone,
            scope.loss,
            amp,
            scope.scale,
            device=scope.device,
            overrides=SMALL if scope.small else (),
        )
        pair = build_pair(setting, folder / f"images_{classes}")
        foreign = foreign_modules(pair.detectors[STOCK].model)
        if foreign:
            raise RunFailedError(f"the stock detector has {', '.join(foreign)}: nothing was measured")
        precision = ", AMP" if amp else ""
        if training:
            place = {"task": TRAINING, "classes": classes, "setting": f"{backbone}{precision}"}
            steps = {name: training_steps(detector, [pair.train]) for name, detector in pair.detectors.items()}
            yield from _entries(place, check_training, pair, steps, TRAINING_PARTS, scope)
        if inference:
            place = {"task": INFERENCE, "classes": classes, "setting": backbone}
            yield from _entries(place, check_inference, pair, inferences(pair), INFERENCE_PARTS, scope)
            make_sparse(pair)
            place = {**place, "task": SPARSE_INFERENCE}
            yield from _entries(place, check_inference, pair, inferences(pair), INFERENCE_PARTS, scope)


def _entries(
    place: dict[str, Any],
    check_all: Callable[[Pair], list[Check]],
    pair: Pair,
    calls: Mapping[str, Prepare],
    parts: dict[str, str],
    scope: Scope,
) -> Iterator[Entry]:
    print_place(place)
    pair.align()
    for check in check_all(pair):
        yield "check", {**place, **asdict(check)}
    taken_apart, peaks = {}, {}
    for name, detector in pair.detectors.items():
        taken_apart[name] = breakdown(detector, calls[name], parts, scope.device)
        peaks[name] = held_bytes(detector.model) + peak_bytes(calls[name](), scope.device)
    yield (
        "result",
        {
            **place,
            "peak_bytes": peaks,
            # All has run by now: nothing is left to warm up.
            "seconds": interleaved_seconds(calls, scope.repeats, scope.device, warmup=0),
            "parts": taken_apart,
        },
    )


def measure_files(scope: Scope, folder: Path) -> Iterator[Entry]:
    """Evaluation and start-up, which are the same on every device."""
    if "evaluation" in scope.tasks:
        annotations, predictions = folder / "val.json", folder / "predictions.json"
        detections = write_val(annotations, predictions, scope.val_images)
        place = {"task": EVALUATION, "classes": CATEGORIES, "setting": f"{detections:,} detections"}
        print_place(place)
        found = compare_evaluators(annotations, predictions, repeats=min(scope.repeats, 3))
        for kind, equal in found.pop("equal").items():
            apart = "every bit" if equal else "the precision arrays differ"
            yield "check", {**place, **asdict(Check(f"precision of {kind}", equal, apart))}
        yield "result", {**place, **found}
    if "startup" in scope.tasks:
        place = {"task": STARTUP, "classes": CATEGORIES, "setting": f"{scope.startup_scale:g} of LVIS"}
        print_place(place)
        found = measure_startup(
            folder / "train", scope.startup_scale, repeats=min(scope.repeats, 3), ranks=0, stock_ranks=0
        )
        yield (
            "result",
            {
                **place,
                "seconds": {name: [float(f"{value:.4g}") for value in found["start"][name]] for name in (STOCK, OURS)},
                "peak_bytes": {name: max(run["peak"] for run in found["dataset"][name]) for name in (STOCK, OURS)},
            },
        )


def print_place(place: dict[str, Any]) -> None:
    click.echo(f"{place['task']}, {place['classes']:,} classes, {place['setting']}", err=True)

"""A few iterations of training, beside stock mmdet with the same weights, batches and RoIs."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import torch

from lt_bench.data.dataset import find
from lt_bench.data.dataset import load as load_dataset
from lt_bench.run.config import resolve
from lt_bench.run.experiment import Experiment
from lt_bench.selftest.result import Bench, Check, Found
from lt_bench.testing.measure import peak_bytes
from lt_bench.testing.result import NotApplicable, Wrong

NAMES = ("lt_bench", "mmdet")
UNCOUNTED = 5  # iterations of a GPU in which kernels are chosen and compiled


@dataclass(frozen=True)
class Load:
    """What a training row does. images: of a batch, None for as many as the data set's recipe has."""

    iterations: int
    images: int | None
    uncounted: int


LOADS = {"cuda": Load(30, None, UNCOUNTED), "cpu": Load(3, 2, 1)}


def train(bench: Bench, dataset: str, amp: bool) -> Found:
    """Losses and gradients of the first batch are stock mmdet's; all losses are finite, and the weights move."""
    if amp and not bench.cuda:
        raise NotApplicable("training under AMP needs a GPU, as --amp does")
    load = LOADS[bench.device.type]
    cfg = _config(dataset, amp)
    batches = _batches(cfg, load)
    models, optimizers = {}, {}
    for name in NAMES:
        models[name], optimizers[name] = _build(cfg, name, bench)
    _compare(models, optimizers, batches[0], amp)
    seconds, peaks = _run(models, optimizers, batches, bench)
    images = len(batches[0]["inputs"])
    rate = {name: images / median(seconds[name][load.uncounted :]) for name in NAMES}
    memory = {name: peaks[name] / 2**30 for name in NAMES}
    fewer = "" if bench.cuda else f" of {images} images"
    return Found(
        f"{load.iterations} iterations{fewer}: {rate['lt_bench']:.1f} images/s (mmdet {rate['mmdet']:.1f}), peak "
        f"{memory['lt_bench']:.2f} GiB (mmdet {memory['mmdet']:.2f})",
        {
            "iterations": load.iterations,
            "images an iteration": images,
            **{f"images/s, {name}": rate[name] for name in NAMES},
            **{f"peak GiB, {name}": memory[name] for name in NAMES},
        },
    )


def _config(dataset: str, amp: bool) -> Any:
    from mmengine.registry import init_default_scope

    import lt_bench.detector  # noqa: F401  registers our modules

    init_default_scope("mmdet")
    data = load_dataset(find(dataset, None))
    cfg = resolve(Experiment("ecm", dataset=dataset, amp=amp), data.paths, data.train)
    cfg.optim_wrapper.optimizer.lr *= cfg.param_scheduler[0].start_factor  # the first steps of the warm-up
    return cfg


def _batches(cfg: Any, load: Load) -> list[dict[str, Any]]:
    """As many as there are iterations, loaded before anything is timed."""
    from mmdet.registry import DATASETS
    from mmengine.dataset import pseudo_collate
    from mmengine.runner import set_random_seed

    set_random_seed(0)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    images = load.images or cfg.train_dataloader.batch_size
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(0)).tolist()
    found = [dataset[order[number % len(order)]] for number in range(load.iterations * images)]
    return [pseudo_collate(found[start : start + images]) for start in range(0, len(found), images)]


def _build(cfg: Any, name: str, bench: Bench) -> tuple[Any, Any]:
    """Model and optimizer wrapper; equal weights for every name."""
    from mmdet.registry import MODELS
    from mmengine.logging import MMLogger
    from mmengine.optim import build_optim_wrapper
    from mmengine.runner import set_random_seed

    from lt_bench.detector.stock import foreign_modules, stock_config

    MMLogger.get_current_instance().setLevel("WARNING")  # every initialised weight is a line otherwise
    set_random_seed(0)
    model = MODELS.build(deepcopy(cfg.model) if name == "lt_bench" else stock_config(cfg.model))
    model.init_weights()
    if name == "mmdet" and (foreign := foreign_modules(model)):
        raise Wrong(f"the stock detector has {', '.join(foreign)}")
    model.to(bench.device)
    return model, build_optim_wrapper(model, deepcopy(cfg.optim_wrapper))


def _compare(models: Mapping[str, Any], optimizers: Mapping[str, Any], batch: Any, amp: bool) -> None:
    """Raises Wrong where the first batch's losses or gradients are not stock mmdet's, within rounding."""
    from lt_bench.detector.stock import ROUNDING, apart, exact_convolutions, losses_and_gradients

    models["mmdet"].load_state_dict(models["lt_bench"].state_dict())
    with exact_convolutions():
        found = {name: losses_and_gradients(models[name], optimizers[name], batch, amp) for name in NAMES}
    for what, stock, ours in zip(("loss", "gradient"), found["mmdet"], found["lt_bench"], strict=True):
        largest, where = apart(stock, ours)
        if not largest <= ROUNDING[amp]:
            raise Wrong(f"{what} {where} is {largest:.1e} off stock mmdet's, limit {ROUNDING[amp]:.0e}")


def _run(
    models: Mapping[str, Any], optimizers: Mapping[str, Any], batches: list[Any], bench: Bench
) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Seconds of each iteration, the two in turn, and the most bytes that one holds in the last."""
    from lt_bench.detector.stock import held_bytes, seed_everything

    seconds: dict[str, list[float]] = {name: [] for name in NAMES}
    before = {name: models[name].roi_head.bbox_head.fc_cls.weight.detach().clone() for name in NAMES}
    for number, batch in enumerate(batches):
        for name in NAMES:
            data = deepcopy(batch)
            seed_everything(number)
            gc.collect()  # not in the midst of what is measured
            bench.synchronize()
            started = time.perf_counter()
            losses = models[name].train_step(data, optimizers[name])
            bench.synchronize()
            seconds[name].append(time.perf_counter() - started)
            terms = {term: float(value.detach()) for term, value in losses.items()}
            if not math.isfinite(terms["loss"]):
                raise Wrong(f"{name}: the loss of iteration {number + 1} is not finite: {terms}")
    for name in NAMES:
        if torch.equal(models[name].roi_head.bbox_head.fc_cls.weight, before[name]):
            raise Wrong(f"{name}: {len(batches)} iterations did not change the classifier")
    peaks = {}
    for name in NAMES:
        data = deepcopy(batches[-1])
        step = partial(models[name].train_step, data, optimizers[name])
        peaks[name] = held_bytes(models[name]) + peak_bytes(step, bench.device)
    return seconds, peaks


CHECKS = tuple(
    Check("training", f"{dataset}{', AMP' if amp else ''}", partial(train, dataset=dataset, amp=amp))
    for dataset in ("glyphs", "glyphs-1203")
    for amp in (False, True)
)

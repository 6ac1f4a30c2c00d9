"""A few iterations of training, beside stock mmdet with the same weights, batches and RoIs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lt_bench.data.dataset import find
from lt_bench.data.dataset import load as load_dataset
from lt_bench.run.config import resolve
from lt_bench.run.experiment import Experiment
from lt_bench.selftest.result import Check, CheckContext, Outcome
from lt_bench.testing.measure import Prepare, interleaved_seconds, peak_bytes
from lt_bench.testing.result import NotApplicable, Wrong

if TYPE_CHECKING:
    from lt_bench.selftest.stock import Detector  # imports mmdet

NAMES = ("lt_bench", "mmdet")
WARMUP = 5  # iterations of a GPU that are not counted: kernels are chosen and compiled in them


@dataclass(frozen=True)
class Workload:
    """What a training row does. images: per batch, None for as many as the data set's recipe has."""

    iterations: int
    images: int | None
    warmup: int


WORKLOADS = {"cuda": Workload(30, None, WARMUP), "cpu": Workload(3, 2, 1)}


def train(context: CheckContext, dataset: str, amp: bool) -> Outcome:
    """Losses and gradients of the first batch are stock mmdet's; all losses are finite, and the weights move."""
    if amp and not context.cuda:
        raise NotApplicable("training under AMP needs a GPU, as --amp does")
    workload = WORKLOADS[context.device.type]
    cfg = _config(dataset, amp)
    batches = _batches(cfg, workload)
    detectors = _build(cfg, context)
    _compare(detectors, batches[0], amp)
    seconds, peaks = _run(detectors, batches, context)
    images = len(batches[0]["inputs"])
    rate = {name: images / median(seconds[name][workload.warmup :]) for name in NAMES}
    memory = {name: peaks[name] / 2**30 for name in NAMES}
    fewer = "" if context.cuda else f" of {images} images"
    return Outcome(
        f"{workload.iterations} iterations{fewer}: {rate['lt_bench']:.1f} images/s (mmdet {rate['mmdet']:.1f}), peak "
        f"{memory['lt_bench']:.2f} GiB (mmdet {memory['mmdet']:.2f})",
        {
            "iterations": workload.iterations,
            "images per iteration": images,
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


def _batches(cfg: Any, workload: Workload) -> list[dict[str, Any]]:
    """As many as there are iterations, loaded before anything is timed."""
    from mmdet.registry import DATASETS
    from mmengine.dataset import pseudo_collate
    from mmengine.runner import set_random_seed

    set_random_seed(0)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    images = workload.images or cfg.train_dataloader.batch_size
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(0)).tolist()
    found = [dataset[order[number % len(order)]] for number in range(workload.iterations * images)]
    return [pseudo_collate(found[start : start + images]) for start in range(0, len(found), images)]


def _build(cfg: Any, context: CheckContext) -> dict[str, Detector]:
    """Both detectors, with equal weights."""
    from lt_bench.selftest.stock import build_detector, foreign_modules, stock_config

    configs = {"lt_bench": cfg.model, "mmdet": stock_config(cfg.model)}
    detectors = {name: build_detector(configs[name], cfg.optim_wrapper, context.device) for name in NAMES}
    if foreign := foreign_modules(detectors["mmdet"].model):
        raise Wrong(f"the stock detector has {', '.join(foreign)}")
    detectors["mmdet"].model.load_state_dict(detectors["lt_bench"].model.state_dict())
    return detectors


def _compare(detectors: Mapping[str, Detector], batch: Any, amp: bool) -> None:
    """Raises Wrong where the first batch's losses or gradients are not stock mmdet's, within rounding."""
    from lt_bench.selftest.stock import ROUNDING, compare_training

    for what, (largest, where) in compare_training(detectors["mmdet"], detectors["lt_bench"], batch, amp).items():
        if not largest <= ROUNDING[amp]:
            raise Wrong(f"{what}: {where} is {largest:.1e} off stock mmdet's, limit {ROUNDING[amp]:.0e}")


def _run(
    detectors: Mapping[str, Detector], batches: list[Any], context: CheckContext
) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Seconds of each iteration, the two in turn, and the most bytes that one holds in the last."""
    from lt_bench.selftest.stock import held_bytes, training_steps

    classifiers = {name: detectors[name].model.roi_head.bbox_head.fc_cls for name in NAMES}
    before = {name: classifiers[name].weight.detach().clone() for name in NAMES}
    steps = {name: training_steps(detectors[name], [*batches, batches[-1]]) for name in NAMES}
    losses: dict[str, list[dict[str, Tensor]]] = {name: [] for name in NAMES}

    def recorded(name: str) -> Prepare:
        def prepare() -> Callable[[], object]:
            step = steps[name]()
            return lambda: losses[name].append({term: value.detach() for term, value in step().items()})

        return prepare

    calls = {name: recorded(name) for name in NAMES}
    seconds = interleaved_seconds(calls, len(batches), context.device, warmup=0)
    for name in NAMES:
        for number, terms in enumerate(losses[name], start=1):
            if not math.isfinite(terms["loss"]):
                shown = {term: float(value) for term, value in terms.items()}
                raise Wrong(f"{name}: the loss of iteration {number} is not finite: {shown}")
        if torch.equal(classifiers[name].weight, before[name]):
            raise Wrong(f"{name}: {len(batches)} iterations did not change the classifier")
    peaks = {name: held_bytes(detectors[name].model) + peak_bytes(steps[name](), context.device) for name in NAMES}
    return seconds, peaks


CHECKS = tuple(
    Check("training", f"{dataset}{', AMP' if amp else ''}", partial(train, dataset=dataset, amp=amp))
    for dataset in ("glyphs", "glyphs-1203")
    for amp in (False, True)
)

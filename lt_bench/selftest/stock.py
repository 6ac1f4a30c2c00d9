"""Stock mmdet beside our modules: the same config with mmdet's own types, and how far two results are apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from itertools import count
from typing import Any, NamedTuple

import numpy as np
import torch
from mmdet.registry import MODELS
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.runner import set_random_seed
from torch import Tensor, nn

from lt_bench.detector.loss_adapter import LossAdapter
from lt_bench.run.fingerprint import EXACT_REPLACEMENTS

# The box head is no replacement in a config's eyes: it is in every config, and calls the loss for empty batches too.
STOCK_TYPES = {**EXACT_REPLACEMENTS, "LongTailBBoxHead": "Shared2FCBBoxHead"}
STOCK_PACKAGES = ("mmdet", "mmcv", "mmengine", "torch")
# Of a loss, and of the largest gradient of a weight: the same sums in another order. Half precision rounds at 1e-3.
ROUNDING = {False: 1e-4, True: 2e-2}
HALF_PRECISION_SCALE = 1024  # of the loss
# Share of a mask's pixels that may lie on the other side of the threshold, where a logit is rounded otherwise.
FLIPPED = 1e-4
NEGLIGIBLE = 1e-4  # of the largest of all: what is smaller is compared with that


class Detector(NamedTuple):
    model: Any  # mmdet's BaseDetector
    optimizer: Any  # mmengine's OptimWrapper


def build_detector(model: Any, optim_wrapper: Any, device: torch.device) -> Detector:
    """From two parts of a config. The initial weights are the same each time."""
    set_random_seed(0)
    built = MODELS.build(deepcopy(model))
    with _quiet():
        built.init_weights()
    built.to(device)
    return Detector(built, build_optim_wrapper(built, deepcopy(optim_wrapper)))


@contextmanager
def _quiet() -> Iterator[None]:
    """mmengine lists every weight that it initialises."""
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel("WARNING")
    try:
        yield
    finally:
        logger.setLevel(level)


def stock_config(node: Any) -> Any:
    """A copy of a config, or of a part of one, with the type that each of our modules stands for."""
    return _replace(deepcopy(node))


def _replace(node: Any) -> Any:
    if isinstance(node, dict):
        name = node.get("type")
        if name == "LongTailBBoxHead":
            for initial in ("prior_prob", "classifier_init"):  # the weights are copied anyway
                node.pop(initial, None)
        for value in node.values():
            _replace(value)
        if isinstance(name, str):
            node["type"] = STOCK_TYPES.get(name, name)
    elif isinstance(node, list | tuple):
        for value in node:
            _replace(value)
    return node


def foreign_modules(model: nn.Module) -> list[str]:
    """Types in a model that are neither mmdet's nor of what it builds on; the loss under test does not count."""
    adapters = [module for module in model.modules() if isinstance(module, LossAdapter)]
    ignored = {id(part) for adapter in adapters for part in adapter.modules()}
    return sorted(
        {
            type(module).__name__
            for module in model.modules()
            if id(module) not in ignored and type(module).__module__.partition(".")[0] not in STOCK_PACKAGES
        }
    )


def compare_training(stock: Detector, ours: Detector, batch: Any, amp: bool) -> dict[str, tuple[float, str]]:
    """How far the `losses` and the `gradients` of a batch are `apart`, with the same RoIs."""
    with exact_convolutions():
        (loss, gradient), (our_loss, our_gradient) = (
            losses_and_gradients(detector, batch, amp) for detector in (stock, ours)
        )
    return {"losses": apart(loss, our_loss), "gradients": apart(gradient, our_gradient)}


def losses_and_gradients(detector: Detector, batch: Any, amp: bool) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Each loss of a batch, as a data loader gives it, and the gradient of each weight; seeds are the same each time.

    amp: whether the loss is scaled, lest gradients of half precision vanish.
    """
    model, optimizer = detector
    model.train()
    seed_everything()
    with optimizer.optim_context(model):
        data = model.data_preprocessor(deepcopy(batch), True)
        total, losses = model.parse_losses(model(**data, mode="loss"))
    ((HALF_PRECISION_SCALE if amp else 1) * total).backward()
    gradients = {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
    model.zero_grad(set_to_none=True)
    return {name: value.detach() for name, value in losses.items()}, gradients


def training_steps(detector: Detector, batches: Sequence[Any]) -> Callable[[], Callable[[], dict[str, Tensor]]]:
    """Prepares the next step of training, forward, backward and optimizer, which returns its losses. The batches are
    used in turn, and the n-th step of every detector draws the same RoIs."""
    numbers = count()

    def prepare() -> Callable[[], dict[str, Tensor]]:
        number = next(numbers)
        data = deepcopy(batches[number % len(batches)])
        detector.model.train()
        seed_everything(number)
        return lambda: detector.model.train_step(data, detector.optimizer)  # type: ignore[no-any-return]

    return prepare


def seed_everything(seed: int = 0) -> None:
    """Both detectors draw their RoIs from here."""
    torch.manual_seed(seed)
    np.random.seed(seed)


def apart(stock: Mapping[str, Tensor], ours: Mapping[str, Tensor]) -> tuple[float, str]:
    """The largest difference in any tensor, as a share of its largest value in stock, and that tensor's name.

    Infinity for a NaN, and where only one of the two has a name.
    """
    if stock.keys() != ours.keys():
        return float("inf"), ", ".join(sorted(stock.keys() ^ ours.keys()))
    sizes = {name: float(value.abs().max()) for name, value in stock.items() if value.numel()}
    least = max(NEGLIGIBLE * max(sizes.values(), default=0.0), 1e-30)
    found = {
        name: float((ours[name].double() - stock[name].double()).abs().max()) / max(size, least)
        for name, size in sizes.items()
    }
    found = {name: value if value == value else float("inf") for name, value in found.items()}
    worst = max(found, key=lambda name: found[name], default="")
    return found.get(worst, 0.0), worst


def held_bytes(model: nn.Module) -> int:
    """What stays in memory from step to step: weights, buffers and momentum."""
    weights = list(model.parameters())
    momentum = sum(weight.nbytes for weight in weights if weight.requires_grad)
    return int(momentum + sum(tensor.nbytes for tensor in (*weights, *model.buffers())))


@contextmanager
def exact_convolutions() -> Iterator[None]:
    """On a GPU cuDNN multiplies float32 with ten bits unless told otherwise, and matrix products do not."""
    backend = torch.backends.cudnn
    before = backend.allow_tf32, backend.deterministic
    backend.allow_tf32, backend.deterministic = False, True
    try:
        yield
    finally:
        backend.allow_tf32, backend.deterministic = before

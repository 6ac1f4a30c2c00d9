"""Measures one loss at one size: time and memory of forward and backward, beside what it is compared with."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.common.synthetic_lvis import class_stats
from benchmarks.losses.batches import make_batch
from benchmarks.losses.reference_losses import REFERENCE_LOSSES
from benchmarks.losses.summary import OURS, REFERENCE
from lt_bench.api.loss import widen
from lt_bench.api.registry import build_loss
from lt_bench.errors import RunFailedError
from lt_bench.functional.chunks import release_scratch
from lt_bench.testing.measure import Loss, forward_backward, peak_bytes, seconds, total

NAMES = tuple(REFERENCE_LOSSES)
FEWEST, MOST = 3, 60  # repeats per visit
WARM_UP_BATCHES = 2
# Largest difference from the reference, as a share of the loss and of the largest gradient. Half
# precision only rounds the gradient: inside, both versions calculate in float32.
TOLERANCE = {torch.float64: 1e-5, torch.float32: 1e-4, torch.float16: 2e-3, torch.bfloat16: 1e-2}

# Under these a loss has nothing to draw, or all: with one class to sample, federated's labels suffice.
NO_CHANCE: dict[str, dict[str, float]] = {
    "federated": {"num_sample_cats": 1},
    "droploss": {"lambda_": 0.0},
    "gol": {"lambda_": 0.0},
    "acsl": {"rare_share": 1.0, "common_share": 1.0},
    "bags": {"others_sample_ratio": 1e6},
}


@dataclass(frozen=True)
class Settings:
    """Of one run. repeats: None for as many as fit into `budget` seconds per visit, 3 to 60."""

    device: torch.device
    dtype: torch.dtype = torch.float32
    foreground: float = 0.25
    repeats: int | None = None
    budget: float = 3.0


def measure(name: str, num_rois: int, num_classes: int, settings: Settings) -> dict[str, Any]:
    """All samples of one loss: what is written to the JSON.

    seconds: of OURS, REFERENCE, `cross_entropy` (torch's own, [N, C + 1]) and `copy` (of the logits, read and write),
    interleaved. peak_bytes: of the first three.

    Raises RunFailedError when the two versions of the loss do not return the same.
    """
    generator = torch.Generator().manual_seed(num_rois * num_classes)
    torch.manual_seed(0)  # what the losses draw
    stats = class_stats(num_classes)
    # Their draws differ, so they are compared without any.
    comparable = NO_CHANCE.get(name, {})

    def batch(channels: int) -> tuple[Tensor, Tensor]:
        logits, labels = make_batch(stats, channels, num_rois, settings.foreground, generator)
        return logits.to(settings.device, settings.dtype), labels.to(settings.device)

    def versions(**hyper_parameters: float) -> tuple[nn.Module, Loss]:
        ours = build_loss(name, stats, **hyper_parameters).to(settings.device).train()
        other = REFERENCE_LOSSES[name](stats, **hyper_parameters).to(settings.device).train()
        for _ in range(WARM_UP_BATCHES):  # state as in the midst of training
            logits, labels = batch(ours.num_logits)
            ours(logits, labels)
            _value_and_gradient(other, widen(logits), labels)  # efl's official code collects gradients
        return ours, lambda logits, labels: other(widen(logits), labels)

    ours, reference = versions(**comparable)
    logits, labels = batch(int(ours.num_logits))  # type: ignore[arg-type]
    verify(name, ours, reference, logits, labels)
    if comparable:
        ours, reference = versions()
    plain, _ = batch(num_classes + 1)
    copy = torch.empty_like(logits)
    losses: dict[str, Loss] = {OURS: ours, REFERENCE: reference, "cross_entropy": F.cross_entropy}
    calls: dict[str, Callable[[], object]] = {
        key: forward_backward(loss, plain if key == "cross_entropy" else logits, labels) for key, loss in losses.items()
    }
    release_scratch()  # so that it counts
    peaks = {key: peak_bytes(call, settings.device) for key, call in calls.items()}
    calls["copy"] = lambda: copy.copy_(logits)
    return {
        "loss": name,
        "rois": num_rois,
        "classes": num_classes,
        "logits_bytes": logits.nbytes,
        "peak_bytes": peaks,
        "seconds": _sample(calls, settings),
    }


def verify(name: str, ours: Loss, reference: Loss, logits: Tensor, labels: Tensor) -> None:
    """Raises RunFailedError unless both return the same loss and the same gradient, as far as rounding allows."""
    tolerance = TOLERANCE[logits.dtype]
    value, gradient = _value_and_gradient(ours, logits, labels)
    other_value, other_gradient = _value_and_gradient(reference, logits, labels)
    apart = {
        "loss": abs(value - other_value) / max(abs(other_value), 1e-30),
        "gradient": float((gradient - other_gradient).abs().max() / other_gradient.abs().max().clamp(min=1e-30)),
    }
    for what, difference in apart.items():
        if not difference <= tolerance:  # also when it is nan
            raise RunFailedError(
                f"{name}: the {what} of the built-in loss and of its reference differ by "
                f"{difference:.1e} (at most {tolerance:.0e}) at logits {list(logits.shape)}; nothing was timed"
            )


def _value_and_gradient(loss: Loss, logits: Tensor, labels: Tensor) -> tuple[float, Tensor]:
    leaf = logits.detach().requires_grad_()
    value = total(loss(leaf, labels))
    return float(value.detach()), torch.autograd.grad(value, leaf)[0].double()


def _sample(calls: dict[str, Callable[[], object]], settings: Settings) -> dict[str, list[float]]:
    """Seconds of each call, rounded to four digits. The first round only tells how many there is time for."""
    pilot = seconds(calls, repeats=1, warmup=0, device=settings.device)
    whole_round = sum(statistics.median(samples) for samples in pilot.values())
    repeats = settings.repeats or round(min(max(settings.budget / whole_round, FEWEST), MOST))
    samples = seconds(calls, repeats, warmup=0, device=settings.device)
    return {name: [float(f"{value:.3e}") for value in values] for name, values in samples.items()}

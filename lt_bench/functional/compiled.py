"""The sums of `lt_bench.functional` as torch.compile fuses them: on a GPU a kernel or two instead of ten.

These are the formulas as one would write them down. The compiler keeps the one-hot target, the weights and every other
temporary in registers, so that the loss reads the logits once, and the gradient reads and writes them once.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

SWITCH = "LT_BENCH_COMPILE"  # an environment variable: 0 leaves everything to the uncompiled path


def _binary_cross_entropy(
    logits: Tensor, labels: Tensor, negative: Tensor, positive: Tensor, scale: float, shift: Tensor, spared: Tensor
) -> Tensor:
    _, weight, z = _entries(logits, labels, negative, positive, scale, shift, spared)
    return (weight * F.softplus(z, threshold=40.0)).sum()


def _binary_cross_entropy_gradient(
    logits: Tensor,
    labels: Tensor,
    negative: Tensor,
    positive: Tensor,
    scale: float,
    shift: Tensor,
    spared: Tensor,
    grad_output: Tensor,
) -> Tensor:
    sign, weight, z = _entries(logits, labels, negative, positive, scale, shift, spared)
    return sign * weight * z.sigmoid() * (scale * grad_output)


def _entries(
    logits: Tensor, labels: Tensor, negative: Tensor, positive: Tensor, scale: float, shift: Tensor, spared: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Sign, weight and z of every entry: [N, K] each."""
    channel = torch.arange(logits.shape[1], device=logits.device)
    own = labels[:, None] == channel
    ignored = spared & (labels[:, None] < logits.shape[1])
    sign = torch.where(own, -1.0, 1.0)
    weight = torch.where(own, positive, torch.where(ignored, 0.0, negative))
    return sign, weight, sign * (scale * logits + shift)


def _focal(logits: Tensor, labels: Tensor, alpha: float, gamma: float) -> Tensor:
    _, weight, z = _focal_entries(logits, labels, alpha)
    return (weight * _power(z.sigmoid(), gamma) * F.softplus(z, threshold=40.0)).sum()


def _focal_gradient(logits: Tensor, labels: Tensor, alpha: float, gamma: float, grad_output: Tensor) -> Tensor:
    sign, weight, z = _focal_entries(logits, labels, alpha)
    p = z.sigmoid()
    slope = p + gamma * (1 - p) * F.softplus(z, threshold=40.0)
    return sign * weight * _power(p, gamma) * slope * grad_output


def _focal_entries(logits: Tensor, labels: Tensor, alpha: float) -> tuple[Tensor, Tensor, Tensor]:
    own = labels[:, None] == torch.arange(logits.shape[1], device=logits.device)
    sign = torch.where(own, -1.0, 1.0)
    return sign, torch.where(own, alpha, 1 - alpha), sign * logits


def _power(base: Tensor, exponent: float) -> Tensor:
    return base * base if exponent == 2 else base**exponent


def _compiled(plain: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Compiled at the first call, because torch.compile alone takes seconds to import."""

    @cache
    def compiled() -> Callable[..., Tensor]:
        # Shapes are symbols, so that another number of RoIs needs no other kernel.
        return torch.compile(plain, dynamic=True)

    return lambda *arguments: compiled()(*arguments)


binary_cross_entropy = _compiled(_binary_cross_entropy)
binary_cross_entropy_gradient = _compiled(_binary_cross_entropy_gradient)
focal = _compiled(_focal)
focal_gradient = _compiled(_focal_gradient)


def usable(logits: Tensor) -> bool:
    """Whether the compiled sums are to be used for logits [N, K]: on a GPU, where they were found to work."""
    # Lengths 0 and 1 would be compiled anew, and need no speed.
    return logits.device.type == "cuda" and min(logits.shape) > 1 and not _problem(logits.device, logits.dtype)


def why_not(device: torch.device, dtype: torch.dtype = torch.float32) -> str:
    """Why the compiled sums are not used for logits of that type on that device; empty where they are."""
    if device.type != "cuda":
        return f"the {device.type.upper()} has a path of its own"
    if device.index is None:
        device = torch.device("cuda", torch.cuda.current_device())  # as a tensor's device says it
    return _problem(device, dtype)


@cache
def _problem(device: torch.device, dtype: torch.dtype) -> str:
    """Compiles everything, once a process, and compares it with the same formulas uncompiled.

    Returns why it can't be used, with a warning where that wasn't asked for; empty where it can.
    """
    if os.environ.get(SWITCH, "1") == "0":
        return f"{SWITCH}=0"
    generator = torch.Generator().manual_seed(0)
    logits, (negative, positive, shift) = (torch.randn(n, 37, generator=generator).to(device, dtype) for n in (64, 3))
    labels = torch.randint(38, (64,), generator=generator).to(device)
    grad_output = logits.new_tensor(1.5)
    bce = (logits, labels, negative, positive, 2.0, shift, shift > 0)
    calls: list[tuple[Callable[..., Tensor], Callable[..., Tensor], tuple[Any, ...]]] = [
        (binary_cross_entropy, _binary_cross_entropy, bce),
        (binary_cross_entropy_gradient, _binary_cross_entropy_gradient, (*bce, grad_output)),
        (focal, _focal, (logits, labels, 0.25, 2.0)),
        (focal_gradient, _focal_gradient, (logits, labels, 0.25, 2.0, grad_output)),
    ]
    try:
        equal = all(torch.allclose(fast(*given), plain(*given), rtol=1e-4, atol=1e-5) for fast, plain, given in calls)
        problem = "" if equal else "their results are not those of the uncompiled formulas"
    except Exception as error:  # whatever a compiler can fail with: there is another way
        problem = f"{type(error).__name__}: {error}".splitlines()[0]
    if problem:
        warnings.warn(f"the fused losses can't be used on {device}: {problem}; going on without them", stacklevel=2)
    return problem

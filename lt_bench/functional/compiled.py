"""Formulas as torch.compile fuses them: on a GPU a kernel or two instead of ten.

The compiler keeps the one-hot target, the weights and every other temporary in registers, so that the loss reads the
logits once, and the gradient reads and writes them once.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

SWITCH = "LT_BENCH_COMPILE"  # an environment variable: 0 leaves every formula uncompiled
ROWS_COMPARED = 256  # few, so that the comparison is not what a run needs most memory for
Formula = Callable[..., Tensor]


def call(formula: Formula, logits: Tensor, *arguments: Any) -> Tensor:
    """formula(logits, *arguments), a scalar: compiled on a GPU, where that was found to work."""
    # Lengths 0 and 1 would be compiled anew, and need no speed.
    if logits.device.type == "cuda" and min(logits.shape) > 1 and not problem(formula, logits, *arguments):
        return _compiled(formula)(logits, *arguments)
    return formula(logits, *arguments)


def why_not(device: torch.device) -> str:
    """Why compiled formulas are not used on that device; empty where they are. Logits are float32 (LongTailLoss)."""
    from lt_bench.functional import binary_cross_entropy, focal_loss

    if device.type != "cuda":
        return f"the {device.type.upper()} has a path of its own"
    logits, labels = torch.randn(64, 37, device=device), torch.arange(64, device=device)
    focal_loss(logits, labels, 0.25, 2.0)
    binary_cross_entropy(logits, labels)
    return "; ".join(text for (_, *key), text in _problems.items() if text and key == [logits.device, logits.dtype])


_problems: dict[tuple[Formula, torch.device, torch.dtype], str] = {}


def problem(formula: Formula, logits: Tensor, *arguments: Any) -> str:
    """Why a formula can't be compiled for logits of this device and type, found at the first call; empty if it can.

    Compares value and gradient with those of the formula itself. Warns if they differ, or if the compiler fails.
    """
    key = formula, logits.device, logits.dtype
    if key not in _problems:
        labels, *others = arguments
        _problems[key] = _find_problem(formula, logits[:ROWS_COMPARED], labels[:ROWS_COMPARED], *others)
    return _problems[key]


def _find_problem(formula: Formula, *arguments: Any) -> str:
    if os.environ.get(SWITCH, "1") == "0":
        return f"{SWITCH}=0"
    try:
        pairs = zip(*(_value_and_gradient(way, *arguments) for way in (_compiled(formula), formula)), strict=True)
        equal = all(torch.allclose(fast, plain, rtol=1e-4, atol=1e-5, equal_nan=True) for fast, plain in pairs)
        found = "" if equal else "its results are not those of the uncompiled formula"
    except Exception as error:  # whatever a compiler can fail with: there is another way
        found = f"{type(error).__name__}: {error}".splitlines()[0]
    if found:
        warnings.warn(f"{formula.__name__} can't be compiled: {found}; going on without it", stacklevel=2)
    return found


def _value_and_gradient(formula: Formula, *arguments: Any) -> tuple[Tensor, Tensor]:
    with torch.inference_mode(False), torch.enable_grad():
        logits, *others = (value.detach().clone() if isinstance(value, Tensor) else value for value in arguments)
        value = formula(logits.requires_grad_(), *others)
        return value.detach(), torch.autograd.grad(value, logits)[0]


@cache
def _compiled(formula: Formula) -> Formula:
    """At the first call, because torch.compile alone takes seconds to import."""
    # Shapes are symbols, so that another number of RoIs needs no other kernel.
    return torch.compile(formula, dynamic=True)

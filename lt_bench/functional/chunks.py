"""How the CPU goes through large logits: portions of rows, scratch tensors, and gradients in closed form."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import torch
from torch import Tensor

# Entries of a temporary: 4 MiB in float32 stay in the caches, and with fewer the calls themselves begin to cost.
CHUNK = 2**20
# The same for operators that go row by row, and so stay in the caches anyway.
ROWWISE = 2**21


def on_cpu(logits: Tensor) -> bool:
    return logits.device.type == "cpu"


def chunks(logits: Tensor, temporaries: int = 1) -> Iterator[slice]:
    """The rows of logits [N, K] in portions whose temporaries have about CHUNK entries together."""
    rows = CHUNK // (temporaries * max(logits.shape[1], 1)) // 4 * 4  # fours: see _short_sums
    for start in range(0, len(logits), max(rows, 1)):
        yield slice(start, start + max(rows, 1))


def rowwise_chunks(logits: Tensor) -> Iterator[slice]:
    """The rows of logits [N, K] in portions of about ROWWISE entries."""
    rows = max(ROWWISE // max(logits.shape[1], 1) // 4 * 4, 1)
    for start in range(0, len(logits), rows):
        yield slice(start, start + rows)


def is_small(logits: Tensor) -> bool:
    """Whether one portion of `rowwise_chunks` holds all."""
    return logits.numel() <= ROWWISE


def scratch(like: Tensor, temporaries: int = 1) -> list[Tensor]:
    """Tensors of the shape and type of `like` [n, K], with anything in them, until the next call in this thread.

    The processor needs as long to hand out fresh memory as to calculate with it. So the largest so far is kept.
    """
    size = like.numel()
    kept: Tensor | None = getattr(_kept, str(like.dtype), None)
    if kept is None or len(kept) < temporaries * size:
        with torch.inference_mode(False):  # a tensor made in inference mode could not be written to outside of it
            kept = torch.empty(temporaries * size, dtype=like.dtype)
        setattr(_kept, str(like.dtype), kept)
    return [kept[n * size : (n + 1) * size].view(like.shape) for n in range(temporaries)]


def release_scratch() -> None:
    """Gives back what `scratch` keeps for this thread."""
    _kept.__dict__.clear()


_kept = threading.local()


def first_order(backward: Callable[..., tuple[Tensor | None, ...]]) -> Callable[..., tuple[Tensor | None, ...]]:
    """Decorates the `backward` of an autograd function whose gradient can't be differentiated again.

    torch's own once_differentiable lets create_graph=True pass, and the second derivatives are zeros.
    """

    @wraps(backward)
    def checked(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError("the gradient of this loss can't be differentiated again: leave out create_graph=True")
        return backward(ctx, *grad_outputs)

    return checked

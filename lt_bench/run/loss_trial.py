"""A loss on a handful of RoIs, before anything is trained with it: what it returns, and what it needs."""

from __future__ import annotations

import logging
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lt_bench.errors import UserError
from lt_bench.utils.leaving import called

if TYPE_CHECKING:
    from lt_bench.api.loss import LongTailLoss

logger = logging.getLogger(__name__)

ROIS = 6


def try_loss(loss: LongTailLoss, name: str, device: str) -> None:
    """Forward, backward and scores. Leaves the global generators where they are, but not the state of `loss`.

    Raises UserError when it fails, returns no scalar or no gradient, when its scores have another shape or lie outside
    [0, 1], or when it makes parameters that no optimizer would know.
    """
    import torch

    from lt_bench.api.made_context import made_context
    from lt_bench.api.terms import terms_of

    with _kept_random(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        generator = torch.Generator().manual_seed(0)
        logits = torch.randn(ROIS, loss.num_logits, generator=generator).to(device).requires_grad_()
        classes = torch.arange(ROIS) * 7919 % (loss.num_classes + 1)
        classes[-1] = loss.num_classes  # background
        before = {id(parameter) for parameter in loss.parameters()}
        with explained(name, f"fails on {ROIS} RoIs on {device}"):
            loss.to(device)
            told = {"context": made_context(loss, classes.to(device))} if loss.needs else {}
            value = loss(logits, classes.to(device), **told)
            total = torch.stack([term.float() for term in terms_of(value, name).values()]).sum()
            if not total.requires_grad:
                raise UserError(f"the loss {name!r} has no gradient", "return what is computed from the logits")
            torch.autograd.grad(total, logits)
            with torch.no_grad():
                scores = loss.scores(logits.detach())
        if list(scores.shape) != [ROIS, loss.num_classes + 1]:
            raise UserError(
                f"the scores of the loss {name!r} have shape {list(scores.shape)} for {ROIS} RoIs, "
                f"expected {[ROIS, loss.num_classes + 1]}",
                "one column for each class, background last",
            )
        if not bool(((scores >= 0) & (scores <= 1)).all()):  # of NaN neither holds
            low, high = scores.min().item(), scores.max().item()
            raise UserError(
                f"the scores of the loss {name!r} lie in {low:.4g}..{high:.4g}, expected 0..1",
                "return what the logits mean as probabilities, such as logits.softmax(dim=1)",
            )
        if {id(parameter) for parameter in loss.parameters()} != before:
            raise UserError(
                f"the loss {name!r} makes trainable parameters when it is called",
                "make them in __init__: the optimizer takes those that are there before training",
            )


@contextmanager
def explained(name: str, what: str) -> Iterator[None]:
    """Around what a loss does: whatever it raises is told as a UserError, which says `what` failed."""
    try:
        yield
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        logger.debug("where it happened:", exc_info=True)
        reason = str(error).strip().partition("\n")[0]
        remedy = f"python -m lt_bench check {name} says more; -v shows where"
        if "cuda" in reason.lower():
            remedy = f"a loss works where its logits are (logits.device), and keeps tensors as buffers\n{remedy}"
        kind = called(error) if isinstance(error, SystemExit) else f"{type(error).__name__}: {reason}"
        raise UserError(f"the loss {name!r} {what}: {kind}", remedy) from error


@contextmanager
def _kept_random() -> Iterator[None]:
    import numpy as np
    import torch

    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)

"""The scores: their shape and range."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from lt_bench.api.loss import LongTailLoss, plain_scores
from lt_bench.testing.cases import EXTREMES, Case, all_cases
from lt_bench.testing.examine import examine
from lt_bench.testing.loss_under_test import LossUnderTest
from lt_bench.testing.result import Wrong

DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


def scores(under_test: LossUnderTest) -> str:
    def test(case: Case) -> None:
        loss = under_test.build(case.stats)
        for dtype in DTYPES:
            logits, _ = case.batch(loss.num_logits)
            for given in (logits.clamp(-6e4, 6e4).to(dtype), logits[:0].to(dtype)):
                _require_scores(loss, given)
        _require_activation(loss, case.batch(loss.num_logits)[0])

    ordinary = all_cases(under_test.seed)
    extreme = [replace(case, pattern=pattern, scale=1e4) for case in ordinary for pattern in EXTREMES]
    examine([*ordinary, *extreme], test)
    return "[N, C + 1] and in [0, 1], also without RoIs, for +-1e4 and in half precision"


def _require_scores(loss: LongTailLoss, logits: Tensor) -> None:
    given = logits.clone()
    with torch.no_grad():
        found = loss.scores(given)
    expected = [len(logits), loss.num_classes + 1]
    if list(found.shape) != expected:
        raise Wrong(f"scores of {list(logits.shape)} logits have shape {list(found.shape)}, expected {expected}")
    if not torch.equal(given, logits):
        raise Wrong("scores() changed the logits that it was given")
    if found.numel() and not ((found >= 0) & (found <= 1)).all():
        low, high = found.min().item(), found.max().item()
        raise Wrong(f"scores of {logits.dtype} logits lie in {low:.4g}..{high:.4g}, expected 0..1")


def _require_activation(loss: LongTailLoss, logits: Tensor) -> None:
    """Calibrations take a loss at its word."""
    if loss.activation is None:
        return
    channels = loss.num_classes + (loss.activation == "softmax")
    if loss.num_logits != channels:
        raise Wrong(f"activation is {loss.activation!r}, which {loss.num_logits} logits can't have: {channels} do")
    with torch.no_grad():
        off = (loss.scores(logits) - plain_scores(logits, loss.activation)).abs().max().item()
    if not off <= 1e-6:
        raise Wrong(f"activation is {loss.activation!r}, and the scores are off that of the logits by {off:.3g}")

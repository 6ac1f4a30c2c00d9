"""Every built-in loss against vectors of its official implementation, and whether the compiled sums are used."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

import torch

from lt_bench.functional import compiled
from lt_bench.selftest import vectors
from lt_bench.selftest.result import Check, CheckContext, Outcome
from lt_bench.testing.checks.precision import LIMITS, SCORE_LIMITS
from lt_bench.testing.result import NotApplicable, Wrong


def float32(context: CheckContext, name: str) -> Outcome:
    """Value, gradient and scores; the logits are float32, and what the official code gave is too."""
    packed = vectors.load(vectors.FOLDER / f"{name}.npz")
    found = vectors.deviation(packed, context.device)
    return _within(found, LIMITS[torch.float32], SCORE_LIMITS[torch.float32])


def amp(context: CheckContext, name: str) -> Outcome:
    """Under autocast, with float32 logits (from a normalized classifier) and with half ones (from a plain one)."""
    packed = vectors.load(vectors.FOLDER / f"{name}.npz")
    exact = LIMITS[torch.float32], SCORE_LIMITS[torch.float32]
    _within(vectors.deviation(packed, context.device, torch.float32, context.half), *exact)
    # The vectors are of logits that aren't rounded. Rounding moves the largest logit, 9, by half a unit in its last
    # place at most, a score by a quarter of that: within what the arithmetic of half precision is allowed anyway.
    found = vectors.deviation(packed, context.device, context.half, context.half)
    prefix = f"{str(context.half).removeprefix('torch.')}: "
    return _within(found, LIMITS[context.half], SCORE_LIMITS[context.half], prefix)


def _within(found: vectors.Deviation, limit: float, score_limit: float, prefix: str = "") -> Outcome:
    for what, value in asdict(found).items():
        allowed = score_limit if what == "scores" else limit
        if not value <= allowed:
            raise Wrong(f"{prefix}the {what} is {value:.1e} off the official implementation, limit {allowed:.0e}")
    return Outcome(
        f"{prefix}value {found.value:.0e}, gradient {found.gradient:.0e}, scores {found.scores:.0e} off "
        f"(limits {limit:.0e}, {score_limit:.0e})",
        asdict(found),
    )


def compiled_sums(context: CheckContext) -> Outcome:
    if reason := compiled.why_not(context.device):
        raise NotApplicable(f"not used: {reason}")
    return Outcome("used, and equal to the formulas uncompiled")


CHECKS = (
    *(Check("losses", f"loss {name}", partial(float32, name=name)) for name in vectors.names()),
    *(Check("losses", f"loss {name}, AMP", partial(amp, name=name)) for name in vectors.names()),
    Check("losses", "compiled losses", compiled_sums),
)

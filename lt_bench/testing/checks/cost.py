"""What forward and backward cost against cross-entropy, measured in the same run."""

from __future__ import annotations

from functools import partial
from statistics import median

from lt_bench.api.registry import build_loss
from lt_bench.functional.chunks import release_scratch
from lt_bench.testing.cases import Case, lvis_case
from lt_bench.testing.loss_under_test import LossUnderTest, call, evaluate, require_finite
from lt_bench.testing.measure import forward_backward, peak_bytes, seconds
from lt_bench.testing.result import Failed

NUM_ROIS = 1024
REPEATS = 9
# A loss that spreads every logit over a dozen temporaries still passes; one with a tensor for each pair of classes,
# or for each RoI and bin, does not. The figure repeats exactly.
MOST_MEMORY = 20.0
# No honest vectorised loss comes near; a Python loop over RoIs does. Wide, because machines and their loads differ.
MOST_TIME = 100.0


def cost(under_test: LossUnderTest) -> str:
    case = lvis_case(under_test.seed, NUM_ROIS)
    time_ratio = _time_ratio(under_test, case)
    loss = under_test.build(case.stats)
    logits, labels = case.batch(loss.num_logits)
    logits = logits.float()
    _require_finite(under_test, case)
    release_scratch()  # so that it counts
    memory_ratio = peak_bytes(forward_backward(partial(call, loss), logits, labels)) / logits.nbytes
    size = f"N = {NUM_ROIS}, C = {case.stats.num_classes}, float32"
    detail = f"{time_ratio:.1f} x the time of ce, peak memory {memory_ratio:.1f} x the logits ({size})"
    if memory_ratio > MOST_MEMORY or time_ratio > MOST_TIME:
        raise Failed(f"{detail}; at most {MOST_TIME:g} x and {MOST_MEMORY:g} x")
    return detail


def _require_finite(under_test: LossUnderTest, case: Case) -> None:
    """No other check calls the loss with as many RoIs."""
    loss = under_test.build(case.stats)
    logits, labels = case.batch(loss.num_logits)
    require_finite(loss, evaluate(loss, logits.float(), labels))


def _time_ratio(under_test: LossUnderTest, case: Case) -> float:
    calls = {}
    for name, loss in (("ce", build_loss("ce", case.stats)), ("loss", under_test.build(case.stats))):
        logits, labels = case.batch(loss.num_logits)
        calls[name] = forward_backward(partial(call, loss), logits.float(), labels)
    samples = seconds(calls, REPEATS)
    return median(samples["loss"]) / median(samples["ce"])

"""Hypothesis strategies: class statistics, hyper-parameters and batches that a loss must cope with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from formulas import Array, Labels
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor

from lt_bench.api.class_stats import ClassStats

MAX_CLASSES, MAX_ROIS, MAX_CALLS = 12, 10, 3


@dataclass(frozen=True)
class Call:
    logits: Array  # [N, K]
    labels: Labels  # [N]
    training: bool
    layout: str


@dataclass(frozen=True)
class Problem:
    """A loss to be made, its calls in sequence, what each of its terms is multiplied by, and entries of a chunk."""

    stats: ClassStats
    hyper_parameters: dict[str, Any]
    calls: list[Call]
    term_weights: tuple[float, float]
    chunk: int


# The same numbers, laid out in memory in the ways that slices and transposes leave behind: [N, K] to [N, K].
LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "contiguous": lambda logits: logits,
    "transposed": lambda logits: logits.t().contiguous().t(),
    "every second row": lambda logits: logits.repeat_interleave(2, dim=0)[::2],
    "some columns": lambda logits: logits.repeat(1, 3)[:, logits.shape[1] : 2 * logits.shape[1]],
}


def spread(labels: Tensor) -> Tensor:
    """The same labels with a stride of 2."""
    return labels.repeat_interleave(2)[::2]


# Between 30 and 1000 nothing new happens, but float32 rounds to 0 what float64 does not, and EQLv2 asks for exact 0.
_moderate = st.floats(-30, 30, allow_subnormal=False)
_huge = st.sampled_from([-1e4, 1e4, -1e3, 1e3, 0.0])
_tiny = st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 1e-310, 1e-40, -1e-40, 1e-30])
_logit_kinds = (_moderate, _huge, _tiny, _moderate | _huge | _tiny)

_counts = st.sampled_from([0, 1, 2, 10, 100, 50_000]) | st.integers(0, 50_000)


@st.composite
def class_stats(draw: st.DrawFn) -> ClassStats:
    """One class to a dozen, with equal or long-tailed counts; no class is in more images than it has instances."""
    num_classes = draw(st.integers(1, MAX_CLASSES))
    num_images = draw(st.integers(1, 60_000))
    if draw(st.booleans()):
        instances = draw(st.lists(_counts, min_size=num_classes, max_size=num_classes))
    else:
        instances = [draw(_counts)] * num_classes
    images = [draw(st.integers(min(count, 1), min(count, num_images))) for count in instances]
    return ClassStats(images, instances, num_images)


@st.composite
def batches(draw: st.DrawFn, num_classes: int, num_logits: int, min_rois: int = 0) -> Call:
    """No RoI, one or several; of all classes and background, or all of one class, or all background."""
    num_rois = draw(st.integers(min_rois, MAX_ROIS))
    kinds = (st.integers(0, num_classes), st.just(num_classes), st.just(draw(st.integers(0, num_classes))))
    labels = draw(arrays(np.int64, num_rois, elements=draw(st.sampled_from(kinds))))
    shape = (num_rois, num_logits)
    kind = draw(st.sampled_from(_logit_kinds))
    if draw(st.integers(0, 5)) == 0:
        logits = np.full(shape, draw(kind))
    else:
        logits = draw(arrays(np.float64, shape, elements=kind))  # type: ignore[arg-type]
    return Call(logits, labels, draw(st.integers(0, 4)) > 0, draw(st.sampled_from(sorted(LAYOUTS))))


@st.composite
def hyper_parameters(draw: st.DrawFn, name: str, stats: ClassStats) -> dict[str, Any]:
    """All defaults, or each anywhere in its range, its ends included."""
    thresholds = [count / stats.num_images for count in stats.image_count]  # EQL's comparison is strict
    cats = st.just(1) | st.integers(1, stats.num_classes + 3)
    ranges: dict[str, dict[str, st.SearchStrategy[Any]]] = {
        "focal": {"alpha": st.floats(0, 1), "gamma": st.sampled_from([0.0, 0.5, 1.0, 5.0]) | st.floats(0, 5)},
        "eql": {"lambda_": st.sampled_from(thresholds) | st.floats(0, 1.1)},
        # Steeper, and the rounding of g itself would show in float32.
        "eqlv2": {"gamma": st.floats(0, 15), "mu": st.floats(-1.5, 1.5), "alpha": st.floats(0, 8)},
        "seesaw": {"p": st.floats(0, 3), "q": st.floats(0, 4), "eps": st.floats(1e-6, 1)},
        "federated": {"num_sample_cats": cats, "freq_power": st.floats(0, 3)},
        "ecm": {"fg_bg_ratio": st.floats(1e-3, 1e3)},
        "logit_adjustment": {"tau": st.floats(0, 3), "background_prior": st.floats(1e-3, 1e3)},
        "class_balanced": {
            "kind": st.sampled_from(["softmax", "sigmoid", "focal"]),
            "beta": st.sampled_from([0.0, 0.9, 0.999, 0.9999]) | st.floats(0, 0.99999),
            "gamma": st.floats(0, 5),
            "fg_bg_ratio": st.floats(1e-3, 1e3),
        },
        "iif": {
            "variant": st.tuples(
                st.sampled_from(["raw", "smooth", "prob", "normit", "gombit", "base2", "base10"]),
                st.sampled_from(["", "_obj"]),
            ).map("".join)
        },
        "droploss": {"lambda_": st.sampled_from(thresholds) | st.floats(0, 1.1)},
        "gol": {
            "lambda_": st.sampled_from(thresholds) | st.floats(0, 1.1),
            "clamp_low": st.floats(-10, 0, width=32),  # else a logit may be on either side of it, once it is rounded
            "clamp_high": st.floats(1, 12, width=32),
        },
        "gumbel_ce": {"clamp_low": st.floats(-10, 0, width=32), "clamp_high": st.floats(1, 12, width=32)},
        "ldam": {"max_m": st.floats(0, 2), "s": st.floats(0.1, 60), "background_margin": st.floats(0, 1)},
        # Steeper, and the rounding of r itself would show in float32.
        "efl": {"focal_gamma": st.floats(0.5, 4), "focal_alpha": st.floats(0, 1), "scale_factor": st.floats(0, 8)},
        # Not the threshold, which float32 and float64 logits may lie on either side of.
        "acsl": {"rare_share": st.floats(0, 1), "common_share": st.floats(0, 1)},
        "bags": {
            "others_sample_ratio": st.sampled_from([0.0, 1.0, 8.0]) | st.floats(0, 10),
            "borders": st.lists(_counts, min_size=3, max_size=3).map(lambda borders: tuple(sorted(borders))),
        },
        "loce": {"alpha": st.floats(0, 1), "bg_score": st.floats(1e-3, 1)},
    }
    return draw(st.just({}) | st.fixed_dictionaries({}, optional=ranges.get(name, {})))


@st.composite
def problems(draw: st.DrawFn, name: str, extra_channels: int) -> Problem:
    stats = draw(class_stats())
    calls = st.lists(batches(stats.num_classes, stats.num_classes + extra_channels), min_size=1, max_size=MAX_CALLS)
    weight = st.sampled_from([1.0, 3.7, -0.5, 0.0])
    chunk = st.sampled_from([1, 20, 50, 2**19])  # one row, a few, all
    weights = draw(weight), draw(weight)
    return Problem(stats, draw(hyper_parameters(name, stats)), draw(calls), weights, draw(chunk))

"""What the samples of detectors say: medians and ratios."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.common import OURS, STOCK
from lt_bench.errors import RunFailedError

TRAINING = "training step"
INFERENCE = "inference, new weights"
SPARSE_INFERENCE = "inference, few scores"
EVALUATION = "evaluation"
STARTUP = "start-up"


@dataclass(frozen=True)
class Comparison:
    """One task at one setting.

    seconds, gigabytes: medians and peaks of STOCK and OURS. faster: median of the rounds' ratios, stock / lt_bench.
    memory: lt_bench / stock.
    """

    task: str
    setting: str
    classes: int
    seconds: Mapping[str, float]
    gigabytes: Mapping[str, float]
    faster: float
    memory: float


def compare(result: Mapping[str, Any]) -> Comparison:
    """Of one entry of the JSON. Raises RunFailedError when the two sides were not measured in the same rounds."""
    stock, ours = result["seconds"][STOCK], result["seconds"][OURS]
    if len(stock) != len(ours) or not ours:
        raise RunFailedError(f"{result['task']}: {len(stock)} samples of stock, {len(ours)} of lt_bench")
    return Comparison(
        task=result["task"],
        setting=result["setting"],
        classes=result["classes"],
        seconds={name: statistics.median(samples) for name, samples in result["seconds"].items()},
        gigabytes={name: peak / 1e9 for name, peak in result["peak_bytes"].items()},
        faster=statistics.median(one / other for one, other in zip(stock, ours, strict=True)),
        memory=result["peak_bytes"][OURS] / result["peak_bytes"][STOCK],
    )

"""What the samples say: medians, ratios and memory of one loss at one size."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# The versions of a loss, as the JSON files name them.
OURS, REFERENCE = "ours", "reference"
# The least that forward and backward can move, in units of the logits: read, read again, write the gradient.
LEAST_TRAFFIC = 3
COPY_TRAFFIC = 2


@dataclass(frozen=True)
class Summary:
    """One loss at one size.

    median: seconds of each version. spread: of ours, the middle half of the samples over the median.
    speedup: reference / ours. over_cross_entropy: ours / torch's own. memory: peak bytes over the logits' own.
    bandwidth: bytes per second of the least possible traffic. of_copy: that as a share of a measured copy's.
    """

    loss: str
    rois: int
    classes: int
    median: Mapping[str, float]
    spread: float
    speedup: float
    over_cross_entropy: float
    reference_over_cross_entropy: float
    memory: float
    reference_memory: float
    bandwidth: float
    of_copy: float


def summarize(result: Mapping[str, Any]) -> Summary:
    median = {name: statistics.median(samples) for name, samples in result["seconds"].items()}
    ours, size = median[OURS], result["logits_bytes"]
    samples = result["seconds"][OURS]
    low, _, high = statistics.quantiles(samples, n=4) if len(samples) > 1 else (ours, ours, ours)
    bandwidth = LEAST_TRAFFIC * size / ours
    return Summary(
        loss=result["loss"],
        rois=result["rois"],
        classes=result["classes"],
        median=median,
        spread=(high - low) / ours,
        speedup=median[REFERENCE] / ours,
        over_cross_entropy=ours / median["cross_entropy"],
        reference_over_cross_entropy=median[REFERENCE] / median["cross_entropy"],
        memory=result["peak_bytes"][OURS] / size,
        reference_memory=result["peak_bytes"][REFERENCE] / size,
        bandwidth=bandwidth,
        of_copy=bandwidth / (COPY_TRAFFIC * size / median["copy"]),
    )

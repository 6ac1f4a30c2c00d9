"""What the samples say: medians, ratios and memory of one loss at one size, and the targets they are held against."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LONG_TAIL = ("focal", "eql", "eqlv2", "seesaw", "federated", "ecm")  # all but the baseline
# The least that forward and backward can move, in units of the logits: read, read again, write the gradient.
LEAST_TRAFFIC = 3
COPY_TRAFFIC = 2


@dataclass(frozen=True)
class Summary:
    """One loss at one size.

    median: seconds of each version. spread: of ours, the middle half of the samples over the median.
    speedup: straightforward / ours. over_cross_entropy: ours / torch's own. memory: peak bytes over the logits' own.
    bandwidth: bytes per second of the least possible traffic. of_copy: that as a share of a measured copy's.
    """

    loss: str
    rois: int
    classes: int
    median: Mapping[str, float]
    spread: float
    speedup: float
    over_cross_entropy: float
    straightforward_over_cross_entropy: float
    memory: float
    straightforward_memory: float
    bandwidth: float
    of_copy: float


def summarize(result: Mapping[str, Any]) -> Summary:
    median = {name: statistics.median(samples) for name, samples in result["seconds"].items()}
    ours, size = median["ours"], result["logits_bytes"]
    samples = result["seconds"]["ours"]
    low, _, high = statistics.quantiles(samples, n=4) if len(samples) > 1 else (ours, ours, ours)
    bandwidth = LEAST_TRAFFIC * size / ours
    return Summary(
        loss=result["loss"],
        rois=result["rois"],
        classes=result["classes"],
        median=median,
        spread=(high - low) / ours,
        speedup=median["straightforward"] / ours,
        over_cross_entropy=ours / median["cross_entropy"],
        straightforward_over_cross_entropy=median["straightforward"] / median["cross_entropy"],
        memory=result["peak_bytes"]["ours"] / size,
        straightforward_memory=result["peak_bytes"]["straightforward"] / size,
        bandwidth=bandwidth,
        of_copy=bandwidth / (COPY_TRAFFIC * size / median["copy"]),
    )


@dataclass(frozen=True)
class Target:
    """quantity: an attribute of Summary. at_least: whether it must reach the limit or stay at or below it."""

    device: str
    rois: int
    classes: int
    losses: tuple[str, ...]
    quantity: str
    at_least: bool
    limit: float
    text: str

    def margin(self, summary: Summary) -> float:
        """How far the measurement is on the right side of the limit, as a share of it; below 0 where it is missed."""
        apart: float = (getattr(summary, self.quantity) - self.limit) / self.limit
        return apart if self.at_least else -apart


def _cpu(losses: tuple[str, ...], quantity: str, at_least: bool, limit: float, text: str) -> Target:
    return Target("cpu", 1024, 1203, losses, quantity, at_least, limit, text)


def _cuda(losses: tuple[str, ...], quantity: str, at_least: bool, limit: float, text: str) -> Target:
    return Target("cuda", 4096, 10_000, losses, quantity, at_least, limit, text)


TARGETS = (
    _cpu(("ecm",), "speedup", True, 6.0, "at least 6 times faster than the official operations"),
    _cpu(LONG_TAIL[:-1], "speedup", True, 4.0, "at least 4 times faster than the official operations"),
    _cpu(LONG_TAIL, "over_cross_entropy", False, 2.5, "at most 2.5 times the time of torch's cross_entropy"),
    # "No slower": two equal calls differ by a few percent from run to run.
    _cpu(("ce",), "over_cross_entropy", False, 1.05, "no slower than torch's cross_entropy (within 5 %)"),
    _cpu(("ce", *LONG_TAIL), "memory", False, 2.2, "peak extra memory at most 2.2 times the logits"),
    _cuda(LONG_TAIL, "speedup", True, 5.0, "at least 5 times faster than the official operations"),
    _cuda(("ce", *LONG_TAIL), "of_copy", True, 0.6, "at least 60 % of the bandwidth of a copy"),
)


@dataclass(frozen=True)
class Verdict:
    target: Target
    summary: Summary
    value: float
    margin: float

    @property
    def reached(self) -> bool:
        return self.margin >= 0


def judge(summaries: list[Summary], device: str) -> list[Verdict]:
    """Every target that was measured, loss by loss."""
    return [
        Verdict(target, summary, getattr(summary, target.quantity), target.margin(summary))
        for target in TARGETS
        for summary in summaries
        if (target.device, target.rois, target.classes) == (device, summary.rois, summary.classes)
        and summary.loss in target.losses
    ]

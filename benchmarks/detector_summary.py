"""What the samples of detectors say: medians, ratios, and the targets that they are held against."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lt_bench.errors import RunFailedError

STOCK, OURS = "stock", "lt_bench"
TRAINING = "training step"
INFERENCE = "inference, new weights"
SPARSE_INFERENCE = "inference, few scores"
EVALUATION = "evaluation"
STARTUP = "start-up"


@dataclass(frozen=True)
class Comparison:
    """One task at one setting.

    seconds, peak_bytes: medians and peaks of STOCK and OURS. faster: median of the turns' ratios, stock / lt_bench.
    memory: lt_bench / stock.
    """

    task: str
    setting: str
    classes: int
    seconds: Mapping[str, float]
    peak_bytes: Mapping[str, int]
    faster: float
    memory: float


def compare(result: Mapping[str, Any]) -> Comparison:
    """Of one entry of the JSON. Raises RunFailedError when the two sides were not measured in turn."""
    stock, ours = result["seconds"][STOCK], result["seconds"][OURS]
    if len(stock) != len(ours) or not ours:
        raise RunFailedError(f"{result['task']}: {len(stock)} samples of stock, {len(ours)} of lt_bench")
    return Comparison(
        task=result["task"],
        setting=result["setting"],
        classes=result["classes"],
        seconds={name: statistics.median(samples) for name, samples in result["seconds"].items()},
        peak_bytes=result["peak_bytes"],
        faster=statistics.median(one / other for one, other in zip(stock, ours, strict=True)),
        memory=result["peak_bytes"][OURS] / result["peak_bytes"][STOCK],
    )


@dataclass(frozen=True)
class Target:
    """faster: at least. memory: at most. None where no target was set. cuda: on a GPU only."""

    tasks: tuple[str, ...]
    cuda: bool
    faster: float | None
    memory: float | None


# At 1,203 classes, on a GPU 2 images of 1333 x 800, and annotations of LVIS's size.
CLASSES, SCALE, FULL = 1203, [1333, 800], "1 of LVIS"
TARGETS = (
    Target((TRAINING,), True, 1.3, 0.7),
    Target((INFERENCE, SPARSE_INFERENCE), True, 3.0, None),
    Target((STARTUP,), False, 5.0, None),
)


@dataclass(frozen=True)
class Verdict:
    comparison: Comparison
    text: str
    value: float
    reached: bool


def judge(data: Mapping[str, Any]) -> list[Verdict]:
    """Every target that was measured."""
    settings = data["settings"]
    real = settings["device"] == "cuda" and settings["scale"] == SCALE
    verdicts = []
    for comparison in map(compare, data["results"]):
        for target in TARGETS:
            if comparison.task not in target.tasks or comparison.classes != CLASSES:
                continue
            if (target.cuda and not real) or (comparison.task == STARTUP and comparison.setting != FULL):
                continue
            if target.faster is not None:
                text = f"at least {target.faster:g} times faster"
                verdicts.append(Verdict(comparison, text, comparison.faster, comparison.faster >= target.faster))
            if target.memory is not None:
                text = f"at most {target.memory:g} times the peak memory"
                verdicts.append(Verdict(comparison, text, comparison.memory, comparison.memory <= target.memory))
    return verdicts

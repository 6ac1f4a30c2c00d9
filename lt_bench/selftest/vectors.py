"""Losses, gradients and scores of the official implementations, for three consecutive calls of each loss.

Beside this file, `vectors/` holds one .npz for each built-in loss, with synthetic class counts.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._pytree import tree_map

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.context import Assignment, Epoch, LossContext
from lt_bench.api.loss import LongTailLoss
from lt_bench.api.registry import load_loss
from lt_bench.testing.loss_under_test import evaluate
from lt_bench.testing.result import Wrong

FOLDER = Path(__file__).with_name("vectors")


@dataclass(frozen=True)
class Vectors:
    """What a loss was given and what it must return.

    logits float32 [3, N, K]; labels int64 [3, N]; values float64 [3], of the calls; gradient [N, K] and scores
    [N, C or C + 1] of the last call; config: name of the loss and its hyper-parameters.
    """

    stats: ClassStats
    config: dict[str, Any]
    logits: Tensor
    labels: Tensor
    values: NDArray[np.float64]
    gradient: NDArray[np.float32]
    scores: NDArray[np.float32]
    samples: list[Any] | None = None  # what `draw_sample` returned in each call, of a loss that draws
    contexts: list[LossContext] | None = None  # what the loss was told in each call

    def build(self) -> LongTailLoss:
        """The loss, with the hyper-parameters that the vectors are of."""
        name, further = as_registered(self.config)
        cls = load_loss(name)
        known = set(inspect.signature(cls).parameters)
        given = {name: value for name, value in self.config.items() if name in known}
        given |= {**cls.official, **further}
        if self.config.get("drw"):
            given["drw_from"] = 0.0
        return cls(self.stats, **given)


@dataclass(frozen=True)
class Deviation:
    """Off the vectors: values relative to each, the gradient relative to its largest entry, scores as they are."""

    value: float
    gradient: float
    scores: float


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.npz"))


def load(path: Path) -> Vectors:
    with np.load(path) as packed:
        return Vectors(
            stats=ClassStats(packed["image_count"], packed["instance_count"], int(packed["num_images"])),
            config=json.loads(str(packed["config"])),
            logits=torch.tensor(packed["logits"]),
            labels=torch.tensor(packed["labels"]),
            values=packed["loss"],
            gradient=packed["grad_last"],
            scores=packed["scores_last"],
            samples=_samples(packed),
            contexts=_contexts(packed),
        )


def as_registered(config: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The name of the loss here, and the hyper-parameters that the config calls otherwise."""
    name, further = str(config["loss"]), {}
    if config.get("variant") == "softmax":  # of Balanced Softmax
        return "logit_adjustment", {"tau": 1.0}
    if "loss_type" in config:
        further["kind"] = config["loss_type"]
    if config.get("version") == "AGLU":
        further |= {"clamp_low": -10.0, "official_gradient": False}
    return name, further


def _samples(packed: Mapping[str, NDArray[Any]]) -> list[Any] | None:
    if "uniform" in packed:
        return [torch.tensor(uniform) for uniform in packed["uniform"]]
    if "drawn_rare" in packed:
        pairs = zip(packed["drawn_rare"], packed["drawn_common"], strict=True)
        return [(torch.tensor(rare), torch.tensor(common)) for rare, common in pairs]
    return [torch.tensor(counts) for counts in packed["group_weight"]] if "group_weight" in packed else None


def _contexts(packed: Mapping[str, NDArray[Any]]) -> list[LossContext] | None:
    calls = len(packed["labels"])
    if "gt_index" in packed:
        image = torch.tensor(packed["image_index"])
        indices = [torch.tensor(index) for index in packed["gt_index"]]
        return [LossContext(Assignment(image.long(), index.long())) for index in indices]
    return [LossContext(epoch=Epoch(call, calls)) for call in range(calls)]


def deviation(
    vectors: Vectors, device: torch.device, dtype: torch.dtype = torch.float32, autocast: torch.dtype | None = None
) -> Deviation:
    """How far all calls of the loss on `device` are off. dtype: of the logits. autocast: the type within it, if any."""
    loss = vectors.build().to(device)
    logits, labels = vectors.logits.to(device, dtype), vectors.labels.to(device)
    values = []
    for call in range(len(vectors.values)):
        if vectors.samples is not None:
            sample = tree_map(lambda drawn: drawn.to(device), vectors.samples[call])
            loss.draw_sample = lambda labels, sample=sample: sample  # type: ignore[assignment]
        context = None if vectors.contexts is None else vectors.contexts[call].to(device)
        with torch.autocast(device.type, autocast, enabled=autocast is not None):
            found = evaluate(loss, logits[call], labels[call], context=context)
        values.append(float(found.value))
    with torch.no_grad(), torch.autocast(device.type, autocast, enabled=autocast is not None):
        scores = loss.scores(logits[-1]).double().cpu().numpy()
    gradient = found.gradient.double().cpu().numpy()
    # The official sigmoid losses without a background channel return no background column.
    scores = scores[:, : vectors.scores.shape[1]]
    if gradient.shape != vectors.gradient.shape or scores.shape != vectors.scores.shape:
        raise Wrong(f"gradient {gradient.shape} or scores {scores.shape} have another shape than the official ones")
    return Deviation(
        value=float(np.max(np.abs(np.array(values) / vectors.values - 1))),
        # The official float32 gradients have lost the digits of their smallest entries.
        gradient=float(np.max(np.abs(gradient - vectors.gradient)) / np.max(np.abs(vectors.gradient))),
        scores=float(np.max(np.abs(scores - vectors.scores))),
    )

"""Checks that both detectors of a pair compute the same: losses, gradients, detections, masks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from detector_summary import OURS, STOCK
from detectors import Detector, Pair, seed_everything
from steps import encoder
from torch import Tensor

# Of a loss, and of the largest gradient of a weight: the same sums in another order. Half precision rounds at 1e-3.
ROUNDING = {False: 1e-4, True: 2e-2}
NEGLIGIBLE = 1e-4  # of the largest of all: what is smaller is compared with that
HALF_PRECISION_SCALE = 1024  # of the loss, lest gradients vanish
# Share of a mask's pixels that may lie on the other side of the threshold, where a logit is rounded otherwise.
FLIPPED = 1e-4


@dataclass(frozen=True)
class Check:
    """What was compared, how far it is apart and whether that is as it should be."""

    what: str
    equal: bool
    apart: str


def check_training(pair: Pair) -> list[Check]:
    """The losses and the gradients of one batch, with the same RoIs."""
    tolerance = ROUNDING[pair.amp]
    losses, gradients = {}, {}
    with _exact_convolutions():
        for name, detector in pair.detectors.items():
            losses[name], gradients[name] = _losses_and_gradients(detector, pair.train, pair.amp)
    return [_close("losses", losses, tolerance), _close("gradients", gradients, tolerance)]


@contextmanager
def _exact_convolutions() -> Iterator[None]:
    """On a GPU cuDNN multiplies float32 with ten bits unless told otherwise, and matrix products do not."""
    backend = torch.backends.cudnn
    before = backend.allow_tf32, backend.deterministic
    backend.allow_tf32, backend.deterministic = False, True
    try:
        yield
    finally:
        backend.allow_tf32, backend.deterministic = before


def _losses_and_gradients(detector: Detector, batch: Any, amp: bool) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    model = detector.model
    model.train()
    seed_everything()
    with detector.optimizer.optim_context(model):
        data = model.data_preprocessor(deepcopy(batch), True)
        total, losses = model.parse_losses(model(**data, mode="loss"))
    ((HALF_PRECISION_SCALE if amp else 1) * total).backward()
    gradients = {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
    model.zero_grad(set_to_none=True)
    return {name: value.detach() for name, value in losses.items()}, gradients


def _close(what: str, values: Mapping[str, Mapping[str, Tensor]], tolerance: float) -> Check:
    """The largest difference in each tensor, as a share of its largest value in stock."""
    stock, ours = values[STOCK], values[OURS]
    if stock.keys() != ours.keys():
        return Check(what, False, f"only one of the two has {', '.join(sorted(stock.keys() ^ ours.keys()))}")
    sizes = {name: float(value.abs().max()) for name, value in stock.items()}
    least = max(NEGLIGIBLE * max(sizes.values()), 1e-30)
    apart = {
        name: float((ours[name].double() - value.double()).abs().max()) / max(sizes[name], least)
        for name, value in stock.items()
    }
    worst = max(apart, key=lambda name: _or_infinity(apart[name]))
    return Check(what, _or_infinity(apart[worst]) <= tolerance, f"at most {apart[worst]:.1e} ({worst})")


def _or_infinity(value: float) -> float:
    return value if value == value else float("inf")


def check_inference(pair: Pair) -> list[Check]:
    """The detections of the first image: boxes, scores and labels to the bit, masks to a few pixels at their edges."""
    found, counts = {}, {}
    for name, detector in pair.detectors.items():
        detector.model.eval()
        with torch.inference_mode(), _exact_convolutions():
            sample = detector.model.test_step(deepcopy(pair.test[0]))[0].to_dict()
        found[name] = sample["pred_instances"]
        counts[name] = encoder(name, pair)(sample)
    stock, ours = found[STOCK], found[OURS]
    if len(stock["scores"]) != len(ours["scores"]):
        return [Check("detections", False, f"stock has {len(stock['scores'])}, lt_bench {len(ours['scores'])}")]
    checks = []
    for key in ("bboxes", "scores", "labels"):
        differing = int((stock[key] != ours[key]).sum())
        checks.append(Check(key, differing == 0, f"{differing} of {stock[key].numel()} values differ"))
    return [*checks, _same_masks(counts[STOCK], counts[OURS], tuple(stock["masks"].shape[-2:]))]


def _same_masks(stock: list[str], ours: list[str], size: tuple[int, int]) -> Check:
    """Of the run lengths, as they would be written."""
    from pycocotools import mask as mask_api

    flipped = pixels = 0
    for one, other in zip(stock, ours, strict=True):
        a, b = (mask_api.decode({"size": size, "counts": counts}) for counts in (one, other))
        flipped += int((a != b).sum())
        pixels += int((a | b).sum())
    return Check("masks", flipped <= FLIPPED * pixels, f"{flipped} of {pixels} pixels differ")

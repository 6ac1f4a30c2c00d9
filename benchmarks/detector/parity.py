"""Checks that both detectors of a pair compute the same: losses, gradients, detections, masks."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import torch

from benchmarks.common import OURS, STOCK
from benchmarks.detector.inference import encoder
from benchmarks.detector.pair import Pair
from lt_bench.selftest.stock import FLIPPED, ROUNDING, compare_training, exact_convolutions


@dataclass(frozen=True)
class Check:
    """What was compared, how far it is apart and whether that is as it should be."""

    what: str
    equal: bool
    apart: str


def check_training(pair: Pair) -> list[Check]:
    """The losses and the gradients of one batch: the largest difference in each tensor, as a share of its largest value
    in stock."""
    found = compare_training(pair.detectors[STOCK], pair.detectors[OURS], pair.train, pair.amp)
    return [
        Check(what, largest <= ROUNDING[pair.amp], f"at most {largest:.1e} ({where})")
        for what, (largest, where) in found.items()
    ]


def check_inference(pair: Pair) -> list[Check]:
    """The detections of the first image: boxes, scores and labels to the bit, masks to a few pixels at their edges."""
    found, counts = {}, {}
    for name, detector in pair.detectors.items():
        detector.model.eval()
        with torch.inference_mode(), exact_convolutions():
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

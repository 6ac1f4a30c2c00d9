"""Inference of one image with its run lengths, by each detector of a pair."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from copy import deepcopy
from itertools import count
from typing import Any

import torch

from benchmarks.common import OURS
from benchmarks.detector.pair import Pair
from lt_bench.detector.prediction_writer import detections_of
from lt_bench.selftest.stock import Detector
from lt_bench.testing.measure import Prepare

Encode = Callable[[dict[str, Any]], list[str]]


def inferences(pair: Pair) -> dict[str, Prepare]:
    """An image from its pixels to detections with masks as run lengths on the host, as a run writes them."""
    return {name: _inference(detector, pair, encoder(name, pair)) for name, detector in pair.detectors.items()}


def _inference(detector: Detector, pair: Pair, encode: Encode) -> Prepare:
    numbers = count()

    def image() -> Callable[[], object]:
        data = deepcopy(pair.test[next(numbers) % len(pair.test)])
        detector.model.eval()

        def call() -> object:
            with torch.inference_mode():
                return encode(detector.model.test_step(data)[0].to_dict())

        return call

    return image


def encoder(name: str, pair: Pair) -> Encode:
    """What turns a prediction of one of the detectors into run lengths: mmdet's own metric, or a run's writer."""
    if name == OURS:
        return lambda sample: [row["segmentation"]["counts"] for row in detections_of(sample, pair.category_ids)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of optional packages
        from mmdet.evaluation.metrics import LVISMetric
    metric = LVISMetric(str(pair.cfg.test_dataloader.dataset.ann_file), metric=["bbox", "segm"])

    def encode(sample: dict[str, Any]) -> list[str]:
        metric.process({}, [sample])
        _, result = metric.results.pop()
        return [mask["counts"].decode() for mask in result["masks"]]

    return encode

"""What is measured of a pair of detectors: a step of training, and the inference of an image with its run lengths."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from copy import deepcopy
from itertools import count
from typing import Any

import torch
from detector_summary import OURS
from detectors import Detector, Pair
from turns import Prepare

from lt_bench.detector.prediction_writer import detections_of
from lt_bench.detector.stock import seed_everything


def training_steps(pair: Pair) -> dict[str, Prepare]:
    """Forward, backward and optimizer on the batch of the pair; the n-th step of both draws the same RoIs."""

    def prepare(detector: Detector) -> Prepare:
        numbers = count()

        def batch() -> Callable[[], object]:
            data = deepcopy(pair.train)
            detector.model.train()
            seed_everything(next(numbers))
            return lambda: detector.model.train_step(data, detector.optimizer)

        return batch

    return {name: prepare(detector) for name, detector in pair.detectors.items()}


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


Encode = Callable[[dict[str, Any]], list[str]]


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

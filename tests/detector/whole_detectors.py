"""Narrow detectors and made-up images, for tests of whole detectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.structures import InstanceData
from torch import Tensor


def narrow(node: Any) -> Any:
    """A config with 16 channels instead of 256 and more."""
    if isinstance(node, dict):
        return {
            key: 16 if key.endswith("_channels") and isinstance(value, int) else narrow(value)
            for key, value in node.items()
        }
    return [narrow(value) for value in node] if isinstance(node, list) else node


def images(objects: Sequence[int]) -> tuple[Tensor, list[DetDataSample]]:
    """Noise of 64 x 80 pixels, with so many objects per image."""
    rng = np.random.default_rng(0)
    samples = []
    for number in objects:
        corners = torch.from_numpy(rng.uniform(0, 30, (number, 4)).astype(np.float32))
        corners[:, 2:] += corners[:, :2] + 8
        shapes = {"img_shape": (64, 80), "pad_shape": (64, 80), "ori_shape": (96, 120), "scale_factor": (2 / 3, 2 / 3)}
        sample = DetDataSample(metainfo=shapes)
        sample.gt_instances = InstanceData(
            bboxes=corners,
            labels=torch.from_numpy(rng.integers(0, 40, number)),
            masks=BitmapMasks(rng.integers(0, 2, (number, 64, 80), dtype=np.uint8), 64, 80),
        )
        samples.append(sample)
    return torch.from_numpy(rng.normal(size=(len(objects), 3, 64, 80)).astype(np.float32)), samples

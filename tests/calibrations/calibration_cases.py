"""What the tests of all calibrations share: bases, logits, and the official vectors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lt_bench.api.calibration import Base, Calibration
from lt_bench.api.class_stats import ClassStats
from lt_bench.api.loss import Activation
from lt_bench.calibrations.fracal import FraCal
from lt_bench.calibrations.logit_adjustment import LogitAdjustment
from lt_bench.calibrations.norcal import NorCal
from lt_bench.calibrations.tau_norm import TauNorm

CALIBRATIONS: dict[str, type[Any]] = {  # of Calibration, each with hyper-parameters of its own
    "fracal": FraCal,
    "logit_adjustment": LogitAdjustment,
    "norcal": NorCal,
    "tau_norm": TauNorm,
}
VECTORS = Path(__file__).with_name("vectors")
# What the official codes call the hyper-parameters that have another name here.
RENAMED = {"calibrate_on": "with_"}

Array = NDArray[np.float64]


def make_base(activation: Activation = "softmax", images: tuple[int, ...] = (900, 2, 40, 1, 300)) -> Base:
    """A long tail over five classes: 1,000 images, three instances per image."""
    stats = ClassStats(images, [3 * count for count in images], 1000)
    loss = {"softmax": "ce", "sigmoid": "focal"}[activation]
    return Base(loss, activation, stats, tuple(np.linspace(1, 2, len(images)).tolist()))


def make_logits(base: Base, num_rois: int = 9, seed: int = 0) -> Tensor:
    """float64 [N, K]."""
    channels = base.stats.num_classes + (base.activation == "softmax")
    return 3 * torch.randn(num_rois, channels, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@dataclass(frozen=True)
class Official:
    """One file of vectors. arrays: all of it but the config."""

    name: str
    calibration: Calibration
    arrays: dict[str, NDArray[Any]]


def read_official(path: Path) -> Official:
    with np.load(path) as packed:
        arrays = {name: packed[name] for name in packed.files if name != "config"}
        config = json.loads(str(packed["config"]))
    name = config["posthoc"]
    activation: Activation = "sigmoid" if config.get("use_sigmoid") else "softmax"
    stats = ClassStats(arrays["image_count"], arrays["instance_count"], int(arrays["num_images"]))
    base = Base("ce", activation, stats, arrays.get("fractal_dimension"))
    known = {RENAMED.get(key, key): value for key, value in config.items()}
    taken = {key: known[key] for key in ("gamma", "method", "with_", "renorm", "tau", "variant") if key in known}
    if name == "fracal":
        taken["fractal_l"] = float(known["fractal_l"])
    if name == "tau_norm":  # the official script is of image classification
        taken |= {"keep_background": False, "keep_bias": False}
    return Official(name, CALIBRATIONS[name](base, **taken), arrays)

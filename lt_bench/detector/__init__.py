"""Everything that touches mmdet. Importing this package registers our modules with mmdet's registries."""

import contextlib
import io

from lt_bench.operators import provide

with contextlib.redirect_stdout(io.StringIO()):  # mmdet prints about an optional package at import
    provide()  # mmdet imports mmcv's operators
    import mmdet.datasets  # noqa: F401

from lt_bench.detector import (
    box_head,
    dataset,
    finite_loss,
    guarded_steps,
    hooks,
    loss_adapter,
    mask_head,
    partly_trained,
    prediction_writer,
    roi_heads,
)
from lt_bench.detector.resuming import checkpoints, loops

__all__ = [
    "box_head",
    "checkpoints",
    "dataset",
    "finite_loss",
    "guarded_steps",
    "hooks",
    "loops",
    "loss_adapter",
    "mask_head",
    "partly_trained",
    "prediction_writer",
    "roi_heads",
]

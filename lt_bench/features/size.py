"""How much disk space stored features take, at most, worked out before anything is computed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from lt_bench.errors import UserError
from lt_bench.features.layout import Counts, Precision

GB = 1e9


def most(truths: Sequence[int], rois: int) -> Counts:
    """What a split holds at most. truths: of each image. rois: the most per image."""
    return Counts(len(truths), len(truths) * rois, sum(truths), sum(truths) * rois)


def regression_bytes(num_classes: int, dimension: int, class_agnostic: bool) -> int:
    """Weight and bias of the regression layer, in float32."""
    return 16 * (1 if class_agnostic else num_classes) * (dimension + 1)


def describe(splits: Mapping[str, Counts], dimension: int, precision: Precision) -> str:
    """A line per split, with its size in GB (10^9 bytes), and their sum."""
    lines = []
    for name, counts in splits.items():
        size = counts.total_bytes(dimension, precision) / GB
        lines.append(
            f"  {name}: {counts.images:,} images, up to {counts.rois:,} RoIs of {dimension} numbers, {size:.2f} GB"
        )
    return "\n".join(["features, at most:", *lines, f"  together {total(splits, dimension, precision) / GB:.2f} GB"])


def total(splits: Mapping[str, Counts], dimension: int, precision: Precision) -> int:
    """Bytes of all splits."""
    return sum(counts.total_bytes(dimension, precision) for counts in splits.values())


def refuse_full_disk(folder: Path, needed: int) -> None:
    """Raises UserError when the disk of `folder`, which exists or not, has no room for what `needed` bytes lack."""
    existing = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    there = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
    free = shutil.disk_usage(existing).free
    if free < needed - there:
        raise UserError(
            f"the features need {(needed - there) / GB:.2f} GB, and the disk of {folder} has {free / GB:.2f} GB left",
            "name an --out on another disk, or store less: --rois, --epochs-of-boxes, --proposals, --held-out",
        )

"""Whether a predictions file has boxes, masks or both."""

from __future__ import annotations

from pathlib import Path

from lt_bench.evaluation.inputs.predictions import read_predictions
from lt_bench.evaluation.terms import BoxOrMask


def kinds_in(path: Path) -> tuple[BoxOrMask, ...] | None:
    """What the first detection has; None where there is none. Raises UserError for what is no predictions file."""
    first = next(read_predictions(path), None)
    if first is None:
        return None
    masks = first.get("segmentation") is not None
    if masks and first.get("bbox") is None:
        return ("segm",)
    return ("bbox", "segm") if masks else ("bbox",)

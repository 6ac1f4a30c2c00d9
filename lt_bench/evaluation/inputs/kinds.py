"""Whether a predictions file has boxes, masks or both."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from lt_bench.evaluation.inputs.predictions import read_predictions
from lt_bench.evaluation.terms import BoxOrMask

LOOKED_AT = 10_000  # detections, the first of the file


def kinds_in(path: Path) -> tuple[BoxOrMask, ...] | None:
    """What any of the first detections has; None where there is none.

    Where only some have it, the file is refused later, with their number. Raises UserError for what is no predictions
    file.
    """
    masks = boxes = found = False
    for detection in islice(read_predictions(path), LOOKED_AT):
        found = True
        masks |= detection.get("segmentation") is not None
        boxes |= detection.get("bbox") is not None
        if masks and boxes:
            return ("bbox", "segm")
    if not found:
        return None
    return ("segm",) if masks else ("bbox",)

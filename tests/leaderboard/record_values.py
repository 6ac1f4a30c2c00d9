"""Parts of made-up records."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from lt_bench.leaderboard.schema_metrics import Counts, Gains, Metrics

FEATURES = "ce_seed0_0123abcd"
DECOUPLED = {
    **{"dataset": "made", "detector": "mask_rcnn", "backbone": "r50", "schedule": "probe", "recipe": "common"},
    "features": FEATURES,
}
CALIBRATION = {
    **{"name": "norcal", "hyper_parameters": {"gamma": 0.4, "method": "gamma"}, "non_default": ("gamma",)},
    **{"distribution": "lt_bench", "distribution_version": "0.1.0"},
}
OF_BOXES = ("bbox", "bbox_fixed")
OF_MASKS = ("segm", "segm_fixed", "boundary", "ap_boundary")


def boxes_alone(content: Any) -> Any:
    """A record's content without all that is of masks."""
    return _without(content, OF_MASKS)


def masks_alone(content: Any) -> Any:
    """A record's content without all that is of boxes."""
    return _without(content, OF_BOXES)


def _without(content: Any, names: tuple[str, ...]) -> Any:
    if isinstance(content, dict):
        return {key: _without(value, names) for key, value in content.items() if key not in names}
    return [_without(value, names) for value in content] if isinstance(content, list | tuple) else deepcopy(content)


def metrics(value: float, **others: float) -> dict[str, float]:
    return {**dict.fromkeys(Metrics.model_fields, value), **others}


def errors(**gains: float) -> dict[str, Any]:
    """The errors of boxes and masks, alike; gains of masks over all classes can be chosen."""
    group: dict[str, Any] = {
        "AP50": 0.5,
        "gain": dict.fromkeys(Gains.model_fields, 0.01),
        "count": dict.fromkeys(Counts.model_fields, 7),
    }
    chosen = {**group, "gain": {**group["gain"], **gains}}
    return {kind: {**dict.fromkeys("rcf", group), "all": chosen} for kind in ("bbox", "segm")}

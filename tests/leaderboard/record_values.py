"""Parts of made-up records."""

from __future__ import annotations

from typing import Any

from lt_bench.leaderboard.schema import Counts, Gains, Metrics


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

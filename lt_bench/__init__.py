"""lt_bench: a benchmark of long-tail classification losses for instance segmentation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lt_bench.api.calibration import Calibration
    from lt_bench.api.class_stats import ClassStats
    from lt_bench.api.context import LossContext
    from lt_bench.api.loss import LongTailLoss
    from lt_bench.api.registry import build_loss, list_losses
    from lt_bench.leaderboard.results import load_results

__all__ = ["Calibration", "ClassStats", "LongTailLoss", "LossContext", "build_loss", "list_losses", "load_results"]
__version__ = "0.1.0"

_HOMES = {
    "Calibration": "lt_bench.api.calibration",
    "ClassStats": "lt_bench.api.class_stats",
    "LongTailLoss": "lt_bench.api.loss",
    "LossContext": "lt_bench.api.context",
    "build_loss": "lt_bench.api.registry",
    "list_losses": "lt_bench.api.registry",
    "load_results": "lt_bench.leaderboard.results",
}


def __getattr__(name: str) -> Any:
    """Import on first use: `lt_bench --help` must not wait for torch or pandas."""
    if name not in _HOMES:
        raise AttributeError(f"module 'lt_bench' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)

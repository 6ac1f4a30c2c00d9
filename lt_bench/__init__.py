"""lt_bench: a benchmark of long-tail classification losses for instance segmentation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lt_bench.interface import ClassStats, LongTailLoss
    from lt_bench.registry import build_loss, list_losses

__all__ = ["ClassStats", "LongTailLoss", "build_loss", "list_losses"]
__version__ = "0.1.0"

_HOMES = {
    "ClassStats": "lt_bench.interface",
    "LongTailLoss": "lt_bench.interface",
    "build_loss": "lt_bench.registry",
    "list_losses": "lt_bench.registry",
}


def __getattr__(name: str) -> Any:
    """Import on first use: `lt_bench --help` must not wait for torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'lt_bench' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)

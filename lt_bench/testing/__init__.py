"""What a test of a loss needs: `check_loss` runs every conformance check on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lt_bench.testing.result import Result
    from lt_bench.testing.suite import CHECKS, check_loss, run_checks

__all__ = ["CHECKS", "Result", "check_loss", "run_checks"]


def __getattr__(name: str) -> Any:
    """Import on first use: whoever measures costs alone needs none of the checks."""
    if name not in __all__:
        raise AttributeError(f"module 'lt_bench.testing' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("lt_bench.testing.result" if name == "Result" else "lt_bench.testing.suite"), name)

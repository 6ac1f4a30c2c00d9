"""The fingerprint of a config of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lt_bench.leaderboard import fingerprint as plain
from lt_bench.leaderboard.fingerprint import EXACT_REPLACEMENTS, weights_id

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = ["EXACT_REPLACEMENTS", "fingerprint", "weights_id"]


def fingerprint(cfg: Config, digests: Mapping[str, str]) -> str:
    """SHA-256 (hex) of a config as `config.resolve` returns it, see `lt_bench.leaderboard.fingerprint`."""
    return plain.fingerprint(cfg.to_dict(), digests)

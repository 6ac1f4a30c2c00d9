from __future__ import annotations

import pytest
from probe_fixtures import cache, cache_folder, features

from lt_bench.leaderboard import standing

__all__ = ["cache", "cache_folder", "features"]


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as the boards have take most of these tests' time."""
    monkeypatch.setattr(standing, "RESAMPLES", 100)

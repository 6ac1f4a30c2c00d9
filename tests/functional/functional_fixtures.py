"""Fixtures for the tests of the sums that losses are made of."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture
def no_cpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every loss takes the path of another device."""
    users = [
        module for name, module in sys.modules.items() if name.startswith("lt_bench.") and hasattr(module, "on_cpu")
    ]
    assert len(users) >= 5
    for module in users:
        monkeypatch.setattr(module, "on_cpu", lambda logits: False)
    yield

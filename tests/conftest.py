"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """Data that is no part of the project: real LVIS-format annotations, photographs, official loss values.

    A folder `shared` beside the checkout, or $LT_BENCH_SHARED. Tests of it are left out where there is none.
    """
    folder = Path(os.environ.get("LT_BENCH_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"there is no folder {folder} with the shared data")
    return folder

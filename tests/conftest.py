"""Fixtures for all tests."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from lt_bench.utils import threads

threads.prepare()  # before anything loads torch, here and in the processes that tests start

ROOT = Path(__file__).resolve().parent.parent

# The same examples every time, fewer of them with `pytest --hypothesis-profile few`; `long` draws new ones, and many
# more.
settings.register_profile("few", derandomize=True, deadline=None, max_examples=20)
settings.register_profile("quick", derandomize=True, deadline=None, max_examples=100)
settings.register_profile("fuzz", deadline=None, max_examples=1667)
settings.register_profile("long", deadline=None, max_examples=2000)
settings.load_profile("quick")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Data that is no part of the project: real LVIS-format annotations, photographs, official loss values.

    A folder `shared` beside the checkout, or $LT_BENCH_SHARED. Tests of it are left out where there is none.
    """
    folder = Path(os.environ.get("LT_BENCH_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"there is no folder {folder} with the shared data")
    return folder


@pytest.fixture(autouse=True)
def environment_stays() -> Iterator[None]:
    """No test leaves another environment to the next one, whose processes would compute in other threads, say."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(autouse=True)
def logging_stays() -> Iterator[None]:
    """A command shows what is logged on the terminal alone; the next test may want to see it itself."""
    logger = logging.getLogger("lt_bench")
    level, propagate, handlers = logger.level, logger.propagate, logger.handlers[:]
    yield
    logger.setLevel(level)
    logger.propagate = propagate
    logger.handlers[:] = handlers

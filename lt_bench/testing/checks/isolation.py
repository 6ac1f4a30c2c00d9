"""A loss knows its arguments and nothing else: no file, no network, no other program."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from lt_bench.testing.cases import Case, small_cases
from lt_bench.testing.examine import examine
from lt_bench.testing.loss_under_test import LossUnderTest, evaluate
from lt_bench.testing.result import Wrong

_NETWORK_AND_PROGRAMS = ("socket.", "urllib.", "http.", "ftplib.", "subprocess.", "os.system", "os.exec", "os.spawn")
_CODE = (".py", ".pyc", ".so", ".pyd", ".dll", ".dylib")  # what an import reads
_SYSTEM = ("/proc/", "/sys/", "/dev/")  # what the machine says of itself
_watched = threading.local()


def isolation(under_test: LossUnderTest) -> str:
    def test(case: Case) -> None:
        with tempfile.TemporaryDirectory() as folder, _inside(Path(folder)), _watching() as events:
            loss = under_test.build(case.stats)
            logits, labels = case.batch(loss.num_logits)
            for _ in range(2):
                evaluate(loss, logits, labels)
            loss.scores(logits)
        if events:
            raise Wrong(f"it reaches for {events[0]}")

    examine(small_cases(under_test.seed), test)
    return "nothing opened, connected or started, in an empty folder"


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def _watching() -> Iterator[list[str]]:
    """What this thread opens, connects to or starts in the meantime; imports do not count."""
    _install()
    events: list[str] = []
    _watched.events = events
    try:
        yield events
    finally:
        _watched.events = None


@cache
def _install() -> None:
    sys.addaudithook(_hook)  # once: Python never removes one


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    events = getattr(_watched, "events", None)
    if events is None:
        return
    if event == "open":
        path = os.fsdecode(arguments[0]) if isinstance(arguments[0], str | bytes) else ""
        if path and not path.endswith(_CODE) and not path.startswith(_SYSTEM):
            events.append(f"the file {path}")
    elif event.startswith(_NETWORK_AND_PROGRAMS):
        events.append(f"{event}{arguments}"[:200])

"""Processes that go on all the time while others are killed, and the memory that they hold."""

from __future__ import annotations

import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from benchmarks.common.processes import anonymous_size, session_memory

EVERY = 10.0  # seconds between two samples
ENOUGH = 12  # samples, of which the first quarter is left out
LIMIT = 0.10  # by which the last quarter's median may exceed the second one's
PATIENCE = 180.0  # seconds to save and leave
_STARTING = 120.0  # seconds in which SIGTERM may come before anybody listens to it


class Steady:
    """A process that is asked to stop at the end alone. whole_session: of its memory, that of its children counts."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], whole_session: bool) -> None:
        self.name, self.process = name, process
        self.measure: Callable[[int], int] = session_memory if whole_session else anonymous_size
        self.began = self.sampled = time.monotonic()
        self.samples: list[float] = []  # MiB

    def sample(self) -> None:
        """Once every EVERY seconds, however often it is called."""
        if time.monotonic() - self.sampled >= EVERY:
            self.sampled = time.monotonic()
            with suppress(OSError, StopIteration):  # it has ended, which `stop` says
                self.samples.append(round(self.measure(self.process.pid) / 2**20, 1))

    def stop(self) -> list[str]:
        """Ask it to save and to leave. Returns what is wrong with how it ended."""
        if self.process.poll() == 0:
            return []  # a sweep that had too few runs
        if self.process.returncode is not None:
            return [f"{self.name} ended by itself with code {self.process.returncode}"]
        self.process.send_signal(signal.SIGTERM)
        expected = (75, -signal.SIGTERM) if time.monotonic() - self.began < _STARTING else (75,)
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return [f"{self.name} did not leave within {PATIENCE:.0f} s of SIGTERM"]
        return [] if code in expected else [f"{self.name} left with code {code} instead of 75"]

    def end(self) -> None:
        """Kill it if it is still there; what it started notices that, and leaves."""
        if self.process.poll() is None:
            self.process.kill()

    def content(self) -> dict[str, Any]:
        return {"process": self.name, "every_seconds": EVERY, "mib": self.samples}


def growth(samples: Sequence[float]) -> float | None:
    """From the median of the second quarter of the samples to that of the last; None for too few of them."""
    if len(samples) < ENOUGH:
        return None
    quarter = len(samples) // 4
    early = statistics.median(samples[quarter : 2 * quarter])
    return statistics.median(samples[-quarter:]) / early - 1

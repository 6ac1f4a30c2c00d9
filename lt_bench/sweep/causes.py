"""Why a run ended, and whether another try can mend it."""

from __future__ import annotations

import re
import signal
from typing import Literal

Kind = Literal["mistake", "memory", "killed", "machine", "error"]
MENDED_BY_RETRY: tuple[Kind, ...] = ("memory", "killed", "machine")

_MEMORY = re.compile(r"out of memory|OutOfMemory|Cannot allocate memory|MemoryError|DefaultCPUAllocator", re.IGNORECASE)
_NUMBERS = re.compile(r"FloatingPointError|non-finite|not finite|\bnan\b", re.IGNORECASE)
_MACHINE = re.compile(
    r"NCCL error|NCCL WARN|ECC error|CUDA error: (?:unspecified launch failure|an illegal|device-side|unknown)"
    r"|Connection (?:reset|refused|closed by)|Stale file handle|Input/output error|Remote I/O error|Bus error"
    r"|heartbeat",
    re.IGNORECASE,
)
_WORDS_OF_A_KILL = re.compile(
    r"exit code -(?:9|7)\b|exitcode *: -(?:9|7)\b|SIGKILL|SIGBUS|killed by signal: (?:Killed|Bus error)"
    r"|DataLoader worker \(pid.{1,80}exited unexpectedly"  # torch's other words for the same
)

_SIGNALS = ("SIGKILL", "SIGTERM", "SIGHUP", "SIGBUS", "SIGUSR1", "SIGINT")  # the last two before a run listens to them
_KILLED = (*(-signal.Signals[name] for name in _SIGNALS), 137, 143)


def kind_of(code: int, said: str) -> Kind:
    """code: exit code of the run's process, a negative one is a signal's number. said: its reason, and the end of its
    log.

    A user's mistake (code 2) and a loss that is no number are not mended by trying again, nor is an unknown error.
    """
    if code == 2:
        return "mistake"
    if code in _KILLED:
        return "killed"
    if _NUMBERS.search(said):
        return "error"
    if _MEMORY.search(said):
        return "memory"
    if _WORDS_OF_A_KILL.search(said):
        return "killed"
    return "machine" if _MACHINE.search(said) else "error"

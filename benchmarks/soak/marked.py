"""The processes of a soak: found by a variable of their environment, which whatever they start inherits."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MARK = "LT_BENCH_SOAK"
Role = Literal["sweep", "worker", "run", "loader", "helper"]
# What each of them is ended by. SIGINT is for those that a terminal reaches. Helpers are Python's own.
SIGNALS: dict[Role, tuple[signal.Signals, ...]] = {
    "sweep": (signal.SIGKILL, signal.SIGTERM, signal.SIGINT),
    "worker": (signal.SIGKILL, signal.SIGTERM),
    "run": (signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1),
    "loader": (signal.SIGKILL,),
}


@dataclass(frozen=True)
class Marked:
    """role: `sweep` (the launcher), `worker` (submitit's process of a job), its `run`, and its `loader` workers."""

    pid: int
    role: Role
    words: str


def marked(value: str) -> list[Marked]:
    """The processes that were started with this value of MARK, zombies left out."""
    needle = f"{MARK}={value}".encode()
    commands: dict[int, tuple[str, ...]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is somebody else's
            if needle in (path / "environ").read_bytes().split(b"\0"):
                command = (path / "cmdline").read_bytes().decode(errors="replace")
                commands[int(path.name)] = tuple(word for word in command.split("\0") if word)
    found = []
    for pid, words in commands.items():
        if words and pid != os.getpid():
            found.append(Marked(pid, _role(words, commands.get(_parent(pid), ())), " ".join(words)))
    return found


def _role(words: tuple[str, ...], parent: tuple[str, ...]) -> Role:
    if "submitit.core._submit" in words:
        return "worker"
    if "lt_bench" not in words:
        return "helper"
    if words == parent:  # forked, and not given another program
        return "loader"
    verb = words[words.index("lt_bench") + 1]
    return "sweep" if verb == "sweep" else "run"


def _parent(pid: int) -> int:
    """Field 4 of proc(5)'s stat; the name before it is in brackets and may hold anything. 0 of one that has ended."""
    with suppress(OSError, IndexError):
        return int(
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1]
        )
    return 0

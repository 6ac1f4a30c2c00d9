"""A process of this machine, told from a later one with the same id."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """began: when, in the kernel's own words; "" where the system does not say."""

    pid: int
    began: str

    @classmethod
    def this(cls) -> Process:
        return cls(os.getpid(), _began(os.getpid()))

    def is_alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except OSError:
            return True
        return _began(self.pid) == self.began


def _began(pid: int) -> str:
    """Field 22 of proc(5)'s stat. The second one, the name, is in brackets and may hold anything; "" of a zombie."""
    with suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return "" if fields[0] == "Z" else fields[19]
    return ""

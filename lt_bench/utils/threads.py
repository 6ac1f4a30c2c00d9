"""How many threads compute, and what they do while they wait. Standard library only: it runs before torch is loaded.

OpenMP's threads spin while they wait for each other. On a machine that others use too, they spin on the cores that the
working threads need. benchmarks/results/threads.md has measurements.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_WAIT, _COUNT = "OMP_WAIT_POLICY", "OMP_NUM_THREADS"
_COUNTED = "LT_BENCH_THREADS"  # the count that was set here, not by the user; processes started from here see it too


def prepare() -> None:
    """Have waiting threads sleep, and no more of them than cores; what the user has set in the environment stays.

    Without effect on a process that has loaded torch already.
    """
    os.environ.update(environment(1) if _COUNT not in os.environ else {_WAIT: os.environ.get(_WAIT, "PASSIVE")})


def environment(processes: int) -> dict[str, str]:
    """The environment of one of several processes that share the cores. What the user has set stays."""
    found = {_WAIT: "PASSIVE", **os.environ}
    if _COUNT not in found or found.get(_COUNTED) == found[_COUNT]:
        found[_COUNT] = found[_COUNTED] = str(max(1, usable_cores() // processes))
    return found


def usable_cores() -> int:
    """Cores that this process may use, at least 1: those it is bound to, and no more than its container's share."""
    bound = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, min(bound, int(_share() or bound)))


def _share() -> float | None:
    """The CPU time that the control group grants, in cores; None where there is no limit."""
    for quota_and_period in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            quota, period = " ".join((_CGROUP / name).read_text(encoding="ascii") for name in quota_and_period).split()
            if float(quota) > 0:  # "max" is no number, and the older form says -1
                return float(quota) / float(period)
        except (OSError, ValueError):
            continue
    return None

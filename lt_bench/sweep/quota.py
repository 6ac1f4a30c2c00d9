"""What a user's quota leaves, where a program of the machine tells: `quota` (local disks, NFS) or Lustre's `lfs`."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lt_bench.utils.file_systems import mount_of

SECONDS = 10.0  # that a program may take: a server that does not answer lets it wait for ever
# The end of a line: KiB used, * where that is too much, soft and hard limit, time of grace, then the same of files.
_USAGE = re.compile(r"(?m)(?:^|\s)(\d+)\*?\s+(\d+)\s+(\d+)\s+\S+\s+\d+\*?\s+\d+\s+\d+\s+\S+\s*$")
_OWNER = re.compile(r"\(([ug])id (\d+)\)")  # in the heading of those lines


@dataclass(frozen=True)
class Quota:
    """left: bytes, below 0 where there is too much already. owner: whose it is, such as "user 1000"."""

    left: int
    owner: str


def quota_of(folder: Path) -> Quota | None:
    """The quota that leaves least of those that count what this process writes into a folder that is there: its user's
    and its group's. None where nothing is limited, or no program tells.
    """
    found = _lustre(folder) if mount_of(folder)[0] == "lustre" else _others(folder)
    return min(found, key=lambda one: one.left, default=None)


def _others(folder: Path) -> list[Quota]:
    said = _said("quota", "-ugvwp", "-f", str(_mount_point(folder)))
    found = []
    for part in re.split(r"(?m)^(?=Disk quotas for )", said):
        owner = _OWNER.search(part)
        if owner is not None and (owner[1], int(owner[2])) in _owners(folder):
            found += _quotas(part, *owner.groups())
    return found


def _lustre(folder: Path) -> list[Quota]:
    place = str(_mount_point(folder))
    return [
        quota
        for kind, number in _owners(folder)
        for quota in _quotas(_said("lfs", "quota", "-q", f"-{kind}", str(number), place), kind, str(number))
    ]


def _quotas(said: str, kind: str, number: str) -> list[Quota]:
    """What runs go on for longer than a time of grace, so a soft limit counts as a hard one."""
    owner = f"{'user' if kind == 'u' else 'group'} {number}"
    rows = [[int(field) for field in row] for row in _USAGE.findall(said)]
    return [Quota(1024 * (min(filter(None, limits)) - used), owner) for used, *limits in rows if any(limits)]


def _owners(folder: Path) -> tuple[tuple[str, int], tuple[str, int]]:
    """Whose what is written there will be: in a folder with the set-group-ID bit, its group's."""
    there = folder.stat()
    return ("u", os.geteuid()), ("g", there.st_gid if there.st_mode & stat.S_ISGID else os.getegid())


def _mount_point(folder: Path) -> Path:
    place = folder.resolve()
    while not place.is_mount():
        place = place.parent
    return place


def _said(*words: str) -> str:
    """What a program prints, also when it ends with an error, as `quota` does where a limit is exceeded."""
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(words, capture_output=True, env=environment, timeout=SECONDS, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace")

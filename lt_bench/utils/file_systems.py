"""What is known of the file system that a path lies on, as far as locks are concerned."""

from __future__ import annotations

import os
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
# Whose locks are those of one machine, unless they are set up otherwise, which the mount table does not show.
_ONE_MACHINE = ("fuse", "fuse3", "9p", "virtiofs", "vboxsf", "beegfs", "afs", "smb3", "cifs")
_LOCAL_FUSE = ("fuse.fuse-overlayfs", "fuse.mergerfs", "fuse.gocryptfs", "fuse.encfs")  # on disks of this machine
_LOCAL_OPTIONS = {"nolock", "local_lock=all", "local_lock=flock", "localflock"}  # NFS, Lustre


def why_locks_are_local(path: Path) -> str:
    """Why a lock on `path` may keep out processes of this machine alone, in words; "" where it keeps out all."""
    kind, options = mount_of(path)
    if kind.startswith("nfs") or kind == "lustre":
        local = sorted(_LOCAL_OPTIONS.intersection(options))
        return f"it is mounted with {local[0]} ({kind}), so locks hold on one machine alone" if local else ""
    if kind in _LOCAL_FUSE or kind.partition(".")[0] not in _ONE_MACHINE:
        return ""
    return f"locks on {kind} may hold on one machine alone"


def mount_of(path: Path) -> tuple[str, frozenset[str]]:
    """Type and options of the file system that `path` lies on; "" and none where the system has no table of them."""
    place = os.fsencode(os.path.realpath(path))
    try:
        lines = MOUNTS.read_bytes().splitlines()
    except OSError:
        return "", frozenset()
    found, longest = (b"", b""), -1
    for line in lines:
        before, _, after = line.partition(b" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 6 or len(kind) < 3:
            continue
        point = _unescaped(fields[4])
        inside = place == point or place.startswith(point.rstrip(b"/") + b"/")
        if inside and len(point) >= longest:  # of two on one folder, the later covers the earlier
            found, longest = (kind[0], fields[5] + b"," + kind[2]), len(point)
    return found[0].decode(errors="replace"), frozenset(found[1].decode(errors="replace").split(","))


def _unescaped(point: bytes) -> bytes:
    """A mount point as its name is: the table has octal codes for blanks and backslashes."""
    for code, letter in ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\")):
        point = point.replace(code, letter)
    return point

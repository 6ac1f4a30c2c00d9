"""On which file systems locks hold on one machine alone, by the system's table of mounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from lt_bench.utils import file_systems
from lt_bench.utils.file_systems import mount_of, why_locks_are_local


@pytest.mark.parametrize(
    ("kind", "options", "local"),
    [
        ("ext4", "rw", False),
        ("overlay", "rw,lowerdir=/a", False),
        ("tmpfs", "rw", False),
        ("nfs4", "rw,vers=4.2,local_lock=none", False),
        ("nfs", "rw,vers=3,nolock,local_lock=all", True),
        ("nfs", "rw,vers=3,local_lock=flock", True),
        ("lustre", "rw,flock", False),
        ("lustre", "rw,localflock", True),
        ("fuse.sshfs", "rw", True),
        ("fuse.fuse-overlayfs", "rw", False),
        ("virtiofs", "rw", True),
    ],
)
def test_network_file_systems_are_judged_by_their_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, options: str, local: bool
) -> None:
    mounted = tmp_path / "a folder"
    mounted.mkdir()
    point = str(mounted).replace(" ", "\\040")
    (tmp_path / "mounts").write_text(
        f"22 1 8:1 / / rw,relatime shared:1 - xfs /dev/sda1 rw\n"
        f"23 22 0:31 / {point} rw,relatime - {kind} server:/home {options}\n"
        f"24 22 0:32 / {point}s rw - tmpfs tmpfs rw\n"
        "damaged\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(file_systems, "MOUNTS", tmp_path / "mounts")
    assert mount_of(mounted / "file")[0] == kind
    assert mount_of(tmp_path) == ("xfs", frozenset({"rw", "relatime"}))
    assert bool(why_locks_are_local(mounted / "file")) is local


def test_a_system_without_a_table_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_systems, "MOUNTS", tmp_path / "none")
    assert why_locks_are_local(tmp_path) == ""

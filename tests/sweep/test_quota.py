"""What quota programs print, as their sources and manuals have it: stand-ins of them are in PATH."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lt_bench.errors import UserError
from lt_bench.sweep import disk, quota
from lt_bench.sweep.quota import Quota, quota_of

UID, GID = os.geteuid(), os.getegid()
HEADING = "     Filesystem  blocks   quota   limit   grace   files   quota   limit   grace\n"


def of_quota(kind: str, number: int, *numbers: str) -> str:
    """What `quota -wp` prints: KiB used (with * where that is too much), soft and hard limit, grace, and files."""
    name = {"u": "user", "g": "group"}[kind]
    row = "{:>15} {:>7} {:>6} {:>7} {:>7} {:>7} {:>6} {:>7} {:>7}\n".format("/dev/sda1", *numbers, "12 ", "0", "0", "0")
    return f"Disk quotas for {name} me ({kind}id {number}): \n{HEADING}{row}"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the programs; what they were given is in `given` there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def make(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f'#!/bin/sh\necho "$@" >> {folder}/given\n{script}\n')
    (folder / name).chmod(0o755)


def printing(text: str, code: int = 0) -> str:
    return f"cat <<'END'\n{text}END\nexit {code}"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ([("u", UID, "940 ", "0", "1000", "0")], Quota(60 * 1024, f"user {UID}")),
        ([("u", UID, "940*", "900", "1000", "1764600000")], Quota(-40 * 1024, f"user {UID}")),
        ([("u", UID, "940 ", "0", "1000", "0"), ("g", GID, "7 ", "0", "20", "0")], Quota(13 * 1024, f"group {GID}")),
        ([("u", UID, "940 ", "0", "1000", "0"), ("g", GID + 1, "7 ", "0", "20", "0")], Quota(60 * 1024, f"user {UID}")),
        ([("u", UID, "940 ", "0", "0", "0")], None),
    ],
    ids=["hard limit", "soft limit exceeded", "group", "another group", "nothing limited"],
)
def test_the_least_of_what_limits_this_process(
    program: Path, tmp_path: Path, said: list[tuple[str, int, str, str, str, str]], found: Quota | None
) -> None:
    make(program, "quota", printing("".join(of_quota(kind, number, *row) for kind, number, *row in said), code=1))
    assert quota_of(tmp_path) == found
    words = (program / "given").read_text().split()
    assert words[:2] == ["-ugvwp", "-f"] and Path(words[2]).is_mount()


LATE = printing(of_quota("u", UID, "940 ", "0", "1000", "0")).replace("exit 0", "exec sleep 20")


@pytest.mark.parametrize("script", ["exit 1", "echo nothing >&2", LATE, printing("no quotas 1 2 3\n")])
def test_a_program_that_tells_nothing(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setattr(quota, "SECONDS", 0.5)
    make(program, "quota", script)
    assert quota_of(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert quota_of(tmp_path) is None


def test_lustre_has_a_program_of_its_own(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota, "mount_of", lambda path: ("lustre", frozenset()))
    row = " /scratch/with/a/long/name/5\n        {} {} {} - 17 0 0 -\n"
    user, group = row.format("500*", 400, 600), row.format(90, 0, 100)
    make(program, "lfs", f'if [ "$3" = -u ]; then {printing(user)}\nfi\n{printing(group)}')
    assert quota_of(tmp_path) == Quota(-100 * 1024, f"user {UID}")
    assert (program / "given").read_text().startswith(f"quota -q -u {UID} /")


def test_a_sweep_that_a_quota_has_no_room_for_is_refused(program: Path, tmp_path: Path) -> None:
    make(program, "quota", printing(of_quota("u", UID, "0 ", "0", str(3 * 2**20), "0")))
    assert f"3.0 GiB left of the quota of user {UID}" in disk.refuse_too_little(tmp_path / "not" / "there", 2**30)
    with pytest.raises(UserError, match=r"4\.0 GiB needed, .* 3\.0 GiB left of the quota of user"):
        disk.refuse_too_little(tmp_path, 2**32)

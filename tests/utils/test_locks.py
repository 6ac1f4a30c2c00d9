"""Locks are held by one process at a time, whatever the file system does with them."""

from __future__ import annotations

import errno
import fcntl
import logging
import multiprocessing
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lt_bench.utils import claims, locks
from lt_bench.utils.locks import is_held, locked

HOLD = """
import sys
import time
from pathlib import Path
from lt_bench.utils.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock `tmp_path / "lock"` until it gets a line."""
    command = (sys.executable, "-c", HOLD, str(tmp_path / "lock"))
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdin is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_who_does_not_wait_for_a_lock_is_told(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    with pytest.raises(TimeoutError), locked(tmp_path / "lock", wait=False):
        pass
    holder.communicate("go\n")
    with locked(tmp_path / "lock", wait=False):
        pass


def test_who_waits_for_a_lock_gets_it(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    waiting = subprocess.Popen(holder.args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(timeout=1)
    holder.communicate("go\n")
    assert waiting.communicate("go\n", timeout=30)[0] == "held\n"


def test_the_lock_of_a_killed_process_is_free(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    holder.kill()
    holder.wait()
    with locked(tmp_path / "lock", wait=False):
        pass


def test_a_lock_makes_its_folder_and_is_free_afterwards(tmp_path: Path) -> None:
    for _ in range(2):
        with locked(tmp_path / "new" / "lock", wait=False):
            assert (tmp_path / "new" / "lock").is_file()


def test_a_lock_is_for_everybody_whom_the_umask_allows(tmp_path: Path) -> None:
    before = os.umask(0o002)
    try:
        with locked(tmp_path / "lock"):
            assert stat.S_IMODE((tmp_path / "lock").stat().st_mode) == 0o664
    finally:
        os.umask(before)


def test_a_process_forked_meanwhile_does_not_keep_the_lock(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"):
        child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,), daemon=True)
        child.start()
    try:
        with locked(tmp_path / "lock", wait=False):
            pass
    finally:
        child.kill()
        child.join()


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Claims that beat and go stale within a second."""
    for name, seconds in (("BEAT", 0.02), ("STALE", 0.3), ("POLL", 0.01)):
        monkeypatch.setattr(claims, name, seconds)
    monkeypatch.setattr(locks, "_said", set())


def refusing(code: int) -> object:
    def refuse(file: object, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    return refuse


def held_once(path: Path, caplog: pytest.LogCaptureFixture, words: str) -> None:
    """The lock can be had once at a time, which is said once, and leaves no claim behind."""
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            with locked(path), pytest.raises(TimeoutError, match=f"process {os.getpid()} on "):
                locked(path, wait=False).__enter__()
    assert [words in message for message in caplog.messages] == [True]
    assert {one.name for one in path.parent.iterdir()} <= {path.name}


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EIO, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL])
def test_a_file_system_without_locks_is_said_and_a_claim_decides(
    tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fcntl, "flock", refusing(code))
    held_once(tmp_path / "lock", caplog, f"has no locks: {os.strerror(code)}")


@pytest.mark.usefixtures("fast")
def test_locks_that_always_succeed_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda file, operation: None)
    held_once(tmp_path / "lock", caplog, "locks on its file system have no effect")


@pytest.mark.usefixtures("fast")
def test_locks_of_one_machine_are_not_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(locks, "why_locks_are_local", lambda path: "mounted with nolock")
    with locked(tmp_path / "lock"), pytest.raises(TimeoutError), locked(tmp_path / "lock", wait=False):
        pass
    assert "mounted with nolock" in caplog.text


@pytest.mark.usefixtures("fast")
def test_a_system_without_fcntl_has_claims(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(locks, "fcntl", None)
    held_once(tmp_path / "lock", caplog, "no file locks")


@pytest.mark.parametrize("code", [errno.EWOULDBLOCK, errno.EAGAIN])
def test_only_a_lock_that_would_block_is_another_process(
    tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", refusing(code))
    with pytest.raises(TimeoutError), locked(tmp_path / "lock", wait=False):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_whether_a_lock_is_held(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_held(path)
    assert not path.exists()
    with locked(path):
        assert is_held(path)
        assert is_held(path)
    assert not is_held(path)
    claim = tmp_path / "lock.claim"
    claim.touch()  # where claims decide
    assert is_held(path)
    os.utime(claim, (0, 0))
    assert not is_held(path)

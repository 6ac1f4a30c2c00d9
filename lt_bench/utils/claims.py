"""A file that says which process works somewhere, for file systems without locks.

It holds host, process id and a beat that goes on as long as the process does. A claim whose beat stands still, or whose
process is gone from this machine, is taken over.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

BEAT = 10.0  # seconds between two beats
STALE = 60.0  # seconds without a beat after which its process has ended
POLL = 0.2  # seconds between two looks at somebody else's claim

_mine: set[str] = set()  # the tokens of the claims that this process holds


@contextmanager
def claimed(path: Path, wait: bool = True) -> Iterator[None]:
    """Holds the claim file `path` for this process, and removes it afterwards.

    Raises TimeoutError that names the holder when another process is at work there and this one shall not `wait`: that
    takes until its next beat. Where its beat is not known to go on, this one watches it for STALE seconds. Raises
    OSError when the file can't be written.
    """
    token = secrets.token_hex(8)
    _mine.add(token)
    try:
        while not _make(path, token):
            if not _is_abandoned(path):
                if not wait:
                    raise TimeoutError(_holder(_read(path)))
                time.sleep(POLL)
        ended = threading.Event()
        beating = threading.Thread(target=_beat, args=(path, token, ended), name="claim", daemon=True)
        beating.start()
        try:
            yield
        finally:
            ended.set()
            beating.join()
            with suppress(OSError):
                if _parsed(_read(path)).get("token") == token:
                    path.unlink()
    finally:
        _mine.discard(token)


def is_beating(path: Path) -> bool:
    """Whether somebody seems to hold the claim file `path`, without waiting for a beat: it was written within STALE
    seconds, and its process is not known to be gone. After a clock was set, a claim may count as free until its next
    beat; whoever then wants it watches it all the same, by a clock that nobody sets.
    """
    claim = _parsed(_read(path))
    if claim.get("token") in _mine:
        return True
    with suppress(OSError):
        return not _is_known_dead(claim) and abs(time.time() - path.stat().st_mtime) < STALE
    return False


def _make(path: Path, token: str) -> bool:
    """Whether the claim could be made. Of several processes that try at once, one can."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return False
    with os.fdopen(handle, "wb") as stream:
        stream.write(_content(token, 0))
    return True


def _content(token: str, beat: int) -> bytes:
    claim = {"host": platform.node(), "pid": os.getpid(), "processes": _processes(), "token": token}
    return json.dumps({**claim, "beat": f"{beat:012d}"}).encode()  # always as long: it is written over


def _processes() -> str:
    """What process ids are counted in: a start of this machine, and a container's own numbers."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    return ""


def _beat(path: Path, token: str, ended: threading.Event) -> None:
    beat = 0
    while not ended.wait(BEAT):
        beat += 1
        try:
            with path.open("r+b") as stream:
                if _parsed(stream.read()).get("token") != token:
                    raise FileNotFoundError
                stream.seek(0)
                stream.write(_content(token, beat))
        except FileNotFoundError:
            logger.warning(f"{path} is gone or another process's: it may be at work here as well")
            return
        except OSError:
            continue  # a server that doesn't answer now may do so at the next beat


def _is_abandoned(path: Path) -> bool:
    """Whether whoever made the claim has ended; then it is out of the way. Watches it where that is not plain."""
    seen = _read(path)
    claim, since = _parsed(seen), time.monotonic()
    if claim.get("token") in _mine:
        return False
    if not _is_known_dead(claim):
        told = False
        while _read(path) == seen:
            passed = time.monotonic() - since
            if passed >= STALE:
                break
            if passed > BEAT + 1 and not told:
                told = True
                logger.info(f"{path}: {_holder(seen)} gives no sign; whether it has ended is known in {STALE:.0f} s")
            time.sleep(min(POLL, BEAT))
        else:
            return _read(path) is None  # removed, so it is free; or it goes on
    logger.info(f"{path}: {_holder(seen)} has ended without taking its claim back")
    return _remove(path, seen)


def _is_known_dead(claim: dict[str, Any]) -> bool:
    """Whether the claim's process is one of those that this one sees, and is gone."""
    if not claim.get("processes") or claim["processes"] != _processes() or type(claim.get("pid")) is not int:
        return False
    if claim["pid"] == os.getpid():
        return True  # an earlier process with the same id: this one's own are known
    try:
        os.kill(claim["pid"], 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _remove(path: Path, seen: bytes | None) -> bool:
    """Remove the claim whose content was `seen`, and no other that was made meanwhile; whether it is gone.

    Of several processes that see it stand still, one at a time looks again and removes it.
    """
    guard = path.with_name(f"{path.name}.removing")
    try:
        guard.mkdir()
    except FileExistsError:
        with suppress(OSError):  # left by a process that ended in the middle of this
            if abs(time.time() - guard.stat().st_mtime) > 10 * STALE:  # either way: clocks are set back, too
                guard.rmdir()
        return False
    try:
        if _read(path) == seen:
            path.unlink(missing_ok=True)
        return True
    finally:
        guard.rmdir()


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _parsed(content: bytes | None) -> dict[str, Any]:
    with suppress(ValueError):
        claim = json.loads(content or b"")
        return claim if isinstance(claim, dict) else {}
    return {}


def _holder(content: bytes | None) -> str:
    claim = _parsed(content)
    return f"process {claim['pid']} on {claim['host']}" if {"pid", "host"} <= claim.keys() else "another process"

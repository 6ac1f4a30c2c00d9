"""Claims: one holder at a time, also of other hosts; those of ended processes are taken over."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lt_bench.utils import claims
from lt_bench.utils.claims import claimed, is_beating


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("BEAT", 0.02), ("STALE", 0.2), ("POLL", 0.005)):
        monkeypatch.setattr(claims, name, seconds)


def left_behind(path: Path, **fields: Any) -> None:
    """The claim of a process on another host that ended in the middle of its work."""
    claim = {"host": "node7", "pid": 4711, "processes": "another boot", "token": "abc", "beat": "000000000003"}
    path.write_text(json.dumps(claim | fields), encoding="utf-8")


def ended_process() -> int:
    process = subprocess.Popen((sys.executable, "-c", ""))
    process.wait()
    return process.pid


def test_a_claim_says_who_holds_it_and_beats(tmp_path: Path) -> None:
    with claimed(tmp_path / "claim"):
        first = json.loads((tmp_path / "claim").read_bytes())
        assert first["pid"] == os.getpid() and first["host"]
        deadline = time.monotonic() + 30
        while json.loads((tmp_path / "claim").read_bytes())["beat"] == first["beat"]:
            assert time.monotonic() < deadline
    assert list(tmp_path.iterdir()) == []


def test_a_claim_that_beats_on_another_host_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "STALE", 3600)
    path, ended = tmp_path / "claim", threading.Event()

    def beat() -> None:
        number = 0
        while not ended.wait(0.02):
            number += 1
            left_behind(path, beat=f"{number:012d}")

    left_behind(path)
    beating = threading.Thread(target=beat)
    beating.start()
    try:
        with pytest.raises(TimeoutError, match="process 4711 on node7"), claimed(path, wait=False):
            pass
    finally:
        ended.set()
        beating.join()


@pytest.mark.parametrize("wait", [True, False])
def test_a_claim_that_stands_still_is_taken_over(tmp_path: Path, wait: bool) -> None:
    left_behind(tmp_path / "claim")
    with claimed(tmp_path / "claim", wait):
        assert json.loads((tmp_path / "claim").read_bytes())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"{}"])
def test_a_damaged_claim_is_taken_over(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "claim").write_bytes(content)
    with claimed(tmp_path / "claim", wait=False):
        pass


def test_the_claim_of_a_process_that_is_gone_from_this_machine_is_free_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "STALE", 3600)
    if not claims._processes():
        pytest.skip("this system does not tell which machine a process id is of")
    for pid in (ended_process(), os.getpid()):  # the second: an earlier process had the id
        left_behind(tmp_path / "claim", pid=pid, processes=claims._processes())
        with claimed(tmp_path / "claim", wait=False):
            pass


def test_the_same_process_id_in_another_container_is_not_known_to_be_gone(tmp_path: Path) -> None:
    left_behind(tmp_path / "claim", pid=ended_process(), processes="this boot, another container")
    assert not claims._is_known_dead(claims._parsed((tmp_path / "claim").read_bytes()))


def test_of_many_that_take_over_at_once_one_holds_at_a_time(tmp_path: Path) -> None:
    left_behind(tmp_path / "claim")
    inside, most = [0], [0]

    def work() -> None:
        with claimed(tmp_path / "claim"):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0.005)
            inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert list(tmp_path.iterdir()) == []


def test_a_claim_that_was_taken_over_is_left_to_its_new_holder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with claimed(tmp_path / "claim"):
        left_behind(tmp_path / "claim")
        deadline = time.monotonic() + 30
        while "it may be at work here as well" not in caplog.text:
            assert time.monotonic() < deadline
            time.sleep(0.005)
    assert json.loads((tmp_path / "claim").read_bytes())["host"] == "node7"


JUMPS = [-1e9, -3600.0, 3600.0, 1e9]  # seconds that a clock is set forward


@pytest.fixture(params=JUMPS)
def set_clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Sets the clock of this machine, anew before each look at it: what was written before keeps its time."""
    real, looks = time.time, itertools.count(1)
    return lambda: monkeypatch.setattr(time, "time", lambda: real() + request.param * next(looks))


def test_a_set_clock_takes_no_claim_from_its_holder(tmp_path: Path, set_clock: Callable[[], None]) -> None:
    with claimed(tmp_path / "claim"):
        beaten = (tmp_path / "claim").read_bytes()
        set_clock()
        with pytest.raises(TimeoutError), claimed(tmp_path / "claim", wait=False):
            pass
        assert is_beating(tmp_path / "claim")
        assert json.loads((tmp_path / "claim").read_bytes())["token"] == json.loads(beaten)["token"]


def test_a_set_clock_keeps_no_claim_of_a_process_that_is_gone(tmp_path: Path, set_clock: Callable[[], None]) -> None:
    left_behind(tmp_path / "claim")
    assert is_beating(tmp_path / "claim")  # it may be
    set_clock()
    assert not is_beating(tmp_path / "claim")
    with claimed(tmp_path / "claim", wait=False):
        pass


def test_a_removal_that_was_interrupted_before_the_clock_was_set_back_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_behind(tmp_path / "claim")
    (tmp_path / "claim.removing").mkdir()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 1e9)
    with claimed(tmp_path / "claim"):
        pass
    assert list(tmp_path.iterdir()) == []

"""A rank that falls silent ends the others; one that is slow, stopped or finished does not."""

from __future__ import annotations

import threading
from contextlib import nullcontext

import pytest

from lt_bench.run import distributed, heartbeat
from lt_bench.run.heartbeat import EVERY, PATIENCE, Beats


def follow(beats: Beats, until: float, talking: dict[int, bool]) -> list[int]:
    """Look every `EVERY` seconds, from 0 on; the ranks that talk say something new each time."""
    now = 0.0
    silent: list[int] = []
    while now < until and not silent:
        now += EVERY
        beats.hear({rank: str(now if talks else 0).encode() for rank, talks in talking.items()}, now)
        silent = beats.silent(now)
    return silent


def test_the_rank_that_stops_talking_is_named() -> None:
    assert follow(Beats([1, 2, 3], 0.0), 300.0, {1: True, 2: False, 3: True}) == [2]


def test_nobody_is_missed_before_the_patience_is_over() -> None:
    assert follow(Beats([1, 2], 0.0), PATIENCE, {1: False, 2: True}) == []


def test_one_that_was_stopped_itself_blames_nobody() -> None:
    beats = Beats([1], 0.0)
    assert follow(beats, 9.0, {1: True}) == []
    assert beats.silent(9.0 + 600.0) == []  # a laptop that slept
    beats.hear({1: b"again"}, 610.0)
    assert beats.silent(612.0) == []


def test_one_that_said_goodbye_is_not_missed() -> None:
    beats = Beats([1], 0.0)
    beats.hear({1: b"bye"}, 1.0)
    assert follow(beats, 300.0, {}) == []


class Dictionary:
    """A store in memory. cut: whether it answers no more, as over a dead link."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.cut = threading.Event()

    def set(self, key: str, value: str) -> None:
        if self.cut.is_set():
            threading.Event().wait(60)
        self.content[key] = value.encode()

    def multi_get(self, keys: list[str]) -> list[bytes]:
        if missing := [key for key in keys if key not in self.content]:
            raise RuntimeError(f"no {missing}")
        return [self.content[key] for key in keys]


def test_a_store_that_does_not_answer_counts_as_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "EVERY", 0.02)
    monkeypatch.setattr(heartbeat, "PATIENCE", 0.4)
    store, ended, said = Dictionary(), threading.Event(), []

    def end(message: str) -> None:
        said.append(message)
        ended.set()

    with (
        heartbeat.listening(1, 2, lambda: store, lambda message: None),
        heartbeat.listening(0, 2, lambda: store, end),
    ):
        assert not ended.wait(0.8)
        store.cut.set()
        assert ended.wait(20)
        store.cut.clear()
    assert "rank 1 of 2" in said[0] and "network is down" in said[0]


def test_only_several_hosts_are_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    entered = []

    def listening(rank: int, size: int, *_: object) -> nullcontext[None]:
        entered.append((rank, size))
        return nullcontext()

    monkeypatch.setattr(heartbeat, "listening", listening)
    for name, value in {"TORCHELASTIC_RUN_ID": "test", "WORLD_SIZE": "4", "RANK": "3"}.items():
        monkeypatch.setenv(name, value)
    for local in ("4", "2"):
        monkeypatch.setenv("LOCAL_WORLD_SIZE", local)
        with distributed.missing_silent_ranks():
            pass
    assert entered == [(3, 4)]

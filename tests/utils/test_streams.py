"""What a stream's encoding lacks is written as an escape."""

from __future__ import annotations

import io
import sys

import pytest

from lt_bench.utils import streams


@pytest.mark.parametrize(
    ("encoding", "errors", "expected"),
    [
        ("gbk", "strict", b"Kr\\xe4henb\xa8\xb9hl AP"),
        ("cp932", "strict", rb"Kr\xe4henb\xfchl AP"),
        ("ascii", "surrogateescape", rb"Kr\xe4henb\xfchl AP"),
        ("utf-8", "strict", "Krähenbühl AP".encode()),
    ],
)
def test_streams_of_other_regions(encoding: str, errors: str, expected: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdout", "stderr"):
        raw = io.BytesIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, name, io.TextIOWrapper(raw, encoding=encoding, errors=errors))
            streams.prepare()
            print("Krähenbühl AP", end="", file=getattr(sys, name), flush=True)
            assert raw.getvalue() == expected


def test_names_of_files_that_are_no_text_can_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for errors, expected in (("strict", rb"\udcff"), ("surrogateescape", b"\xff")):
        raw = io.BytesIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="utf-8", errors=errors))
            streams.prepare()
            print("\udcff", end="", flush=True)
            assert raw.getvalue() == expected


def test_a_stream_that_is_none_of_its_own_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", None)
    streams.prepare()

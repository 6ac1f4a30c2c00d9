from __future__ import annotations

import logging
import os
import tempfile
import time
from pathlib import Path

import pytest

from lt_bench.data import cache
from lt_bench.data.cache import cache_folder, drop_unused, mark_used
from lt_bench.utils import homes


def test_the_cache_is_in_the_home_folder_unless_the_environment_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for given, folder in (("", ".cache/lt_bench"), ("~/kept", "kept"), (str(tmp_path / "there"), "there")):
        monkeypatch.setenv("LT_BENCH_CACHE", given)
        assert cache_folder() == tmp_path / folder


def test_only_old_files_are_dropped(tmp_path: Path) -> None:
    for name, days in (("new", 0), ("young", 29), ("old", 31), ("old but used", 31), ("folder/inside", 31)):
        path = tmp_path / "cache" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        long_ago = time.time() - days * 86400
        os.utime(path, (long_ago, long_ago))
    mark_used(tmp_path / "cache" / "old but used")
    drop_unused(tmp_path / "cache", days=30)
    left = {path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert left == {"new", "young", "old but used", "inside"}


def test_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    mark_used(tmp_path / "absent")
    drop_unused(tmp_path / "absent", days=30)
    assert not list(tmp_path.iterdir())


def test_without_a_home_that_can_be_written_the_cache_is_among_the_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("LT_BENCH_CACHE", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "file").touch()
    for home in (tmp_path / "file" / "nobody", homes.substitute()):  # a folder that can't be made, and none at all
        monkeypatch.setenv("HOME", str(home))
        caplog.clear()
        monkeypatch.setattr(cache, "_said", set())
        with caplog.at_level(logging.INFO):
            assert {cache_folder(), cache_folder()} == {tmp_path / f"lt_bench-{os.getuid()}" / ".cache" / "lt_bench"}
        assert len(caplog.messages) == 1 and "LT_BENCH_CACHE names another folder" in caplog.text


def test_a_cache_in_a_home_that_cant_be_written_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LT_BENCH_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".cache" / "lt_bench").mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert cache_folder() == tmp_path / ".cache" / "lt_bench"

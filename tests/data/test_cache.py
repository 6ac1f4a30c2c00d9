from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from lt_bench.data.cache import cache_folder, drop_unused, mark_used


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

"""Processes without a home folder, or without a name."""

from __future__ import annotations

import getpass
import os
import tempfile
from pathlib import Path

import pytest

from lt_bench.errors import UserError
from lt_bench.utils import homes


@pytest.fixture
def homeless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Neither $HOME nor an entry in the system's list of users. Returns the folder for temporary files."""
    import pwd

    def unknown(uid: object) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for name in ("HOME", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(pwd, "getpwnam", unknown)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_who_has_no_home_gets_one_and_a_name(homeless: Path) -> None:
    with pytest.raises((KeyError, OSError)):
        getpass.getuser()
    assert homes.own_home() is None
    homes.prepare()
    assert Path.home() == homes.substitute() == homeless / f"lt_bench-{os.getuid()}"
    assert homes.own_home() is None  # that is no home to show paths in
    assert getpass.getuser() == str(os.getuid())
    assert homes.make_substitute().stat().st_mode & 0o777 == 0o700


def test_who_has_a_home_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    before = dict(os.environ)
    homes.prepare()
    assert (dict(os.environ), homes.own_home()) == (before, tmp_path)


def test_a_link_or_another_users_folder_is_no_substitute(homeless: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (homeless / "elsewhere").mkdir()
    homes.substitute().symlink_to(homeless / "elsewhere")
    with pytest.raises(UserError, match="another user's"):
        homes.make_substitute()
    homes.substitute().unlink()
    homes.make_substitute()
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    monkeypatch.setattr(homes, "substitute", lambda: homeless / "elsewhere")
    with pytest.raises(UserError, match="another user's"):
        homes.make_substitute()


@pytest.mark.usefixtures("homeless")
def test_a_tilde_without_a_home_is_a_mistake() -> None:
    with pytest.raises(UserError, match="LT_BENCH_CACHE is ~/cache, and there is no such home"):
        homes.expanded("~/cache", "LT_BENCH_CACHE")


def test_what_can_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    assert homes.can_be_made(tmp_path / "new" / "folder")
    assert not homes.can_be_made(tmp_path / "file" / "folder")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # of root, too, on a read-only file system
    assert homes.can_be_made(tmp_path)  # it is there, and may hold what is needed
    assert not homes.can_be_made(tmp_path / "new" / "folder")

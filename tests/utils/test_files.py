"""Files are whole or not there, and what can't be written is said early."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lt_bench.errors import UserError
from lt_bench.utils.files import (
    refuse_clashes,
    refuse_unwritable,
    refuse_unwritable_folder,
    remove_unfinished,
    sha256_of,
    write_atomic,
    write_together,
)


def test_what_is_written_is_there_with_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file"
    digest = write_atomic(path, [b"one ", b"two"])
    assert path.read_bytes() == b"one two"
    assert digest == sha256_of(path) == hashlib.sha256(b"one two").hexdigest()


def test_what_a_killed_process_left_of_a_file_is_removed_and_nothing_else(tmp_path: Path) -> None:
    def killed_before_its_end() -> Iterator[bytes]:
        yield b"some"
        os.kill(os.getpid(), signal.SIGKILL)

    for name in ("result.json", "other.json"):
        child = os.fork()
        if child == 0:
            write_atomic(tmp_path / name, killed_before_its_end())
        os.waitpid(child, 0)
    (tmp_path / ".mine.part").touch()
    (left,) = tmp_path.glob(".other.json.*")
    assert len(list(tmp_path.iterdir())) == 3
    remove_unfinished(tmp_path, ["result.json", "not there"])
    assert sorted(tmp_path.iterdir()) == [tmp_path / ".mine.part", left]


def test_readers_see_the_old_content_until_the_new_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def chunks() -> Iterator[bytes]:
        for _ in range(3):
            assert path.read_bytes() == b"old"
            yield b"new"

    write_atomic(path, chunks())
    assert path.read_bytes() == b"newnewnew"


def test_files_written_together_take_their_names_in_order_when_all_are_whole(tmp_path: Path, monkeypatch) -> None:
    paths = [tmp_path / name for name in ("c", "a", "b")]
    for path in paths:
        path.write_bytes(b"old")
    sizes, whole = [], os.fsync

    def full(handle: int) -> None:
        sizes.append(os.fstat(handle).st_size)
        if len(sizes) == 3:
            raise OSError(errno.ENOSPC, "No space left")
        whole(handle)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(os, "fsync", full)
        write_together(dict.fromkeys(paths, b"new"))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == dict.fromkeys(paths, b"old")
    named, replace = [], Path.replace

    def noted(path: Path, target: Path) -> Path:
        named.append(target)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", noted)
    write_together(dict.fromkeys(paths, b"new"))
    assert named == paths
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == dict.fromkeys(paths, b"new")


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_what_fails_leaves_the_old_file_and_nothing_else(error: BaseException, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def chunks() -> Iterator[bytes]:
        yield b"new"
        raise error

    with pytest.raises(type(error)):
        write_atomic(path, chunks())
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_files_are_for_everybody_whom_the_umask_allows(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "file", [b""])
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_a_file_larger_than_a_piece_has_its_digest(tmp_path: Path) -> None:
    content = os.urandom(3 << 20)
    (tmp_path / "file").write_bytes(content)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_what_can_be_written_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("content")
    refuse_unwritable(tmp_path / "there")
    refuse_unwritable(tmp_path / "new" / "file")
    refuse_unwritable_folder(tmp_path / "other")
    assert (tmp_path / "there").read_text() == "content"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["new", "other", "there"]


def make_link(path: Path) -> None:
    path.symlink_to("target")


@pytest.mark.parametrize(
    ("make", "words"), [(os.mkfifo, "it is no regular file"), (make_link, "it is a symbolic link")]
)
@pytest.mark.parametrize("target_is_there", [True, False])
def test_what_is_no_regular_file_is_not_replaced(
    tmp_path: Path, make: Callable[[Path], None], words: str, target_is_there: bool
) -> None:
    """A named pipe stands for all that is no file: renaming would do the same to a device."""
    if target_is_there:
        (tmp_path / "target").write_text("content")
    path = tmp_path / "path"
    make(path)
    before = path.lstat()
    with pytest.raises(UserError, match=f"path can't be written to: {words}"):
        refuse_unwritable(path)
    with pytest.raises(OSError, match=words) as error:
        write_atomic(path, [b"new"])
    assert error.value.filename == str(path)
    assert (path.lstat().st_ino, path.lstat().st_mode) == (before.st_ino, before.st_mode)
    assert {one.name for one in tmp_path.iterdir()} == {"path", *(["target"] if target_is_there else [])}
    assert not target_is_there or (tmp_path / "target").read_text() == "content"


def test_outputs_and_inputs_are_different_files(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "folder" / ".." / "one"
    (tmp_path / "folder").mkdir()
    refuse_clashes({"--json": one, "--csv": tmp_path / "two"}, {"A": tmp_path / "three"})
    with pytest.raises(UserError, match="--json and --csv are the same file"):
        refuse_clashes({"--json": one, "--csv": other}, {})
    with pytest.raises(UserError, match="--json would replace A, which is read"):
        refuse_clashes({"--json": one}, {"A": other})
    one.write_text("content")
    (tmp_path / "hard").hardlink_to(one)
    (tmp_path / "soft").symlink_to(one)
    for name in ("hard", "soft"):
        with pytest.raises(UserError, match="--json would replace A, which is read"):
            refuse_clashes({"--json": one}, {"A": tmp_path / name})


def test_what_can_not_be_written_is_a_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/below can't be written to: (Not a directory|File exists)"):
        refuse_unwritable(tmp_path / "file" / "below")
    with pytest.raises(UserError, match="can't be written to: Is a directory"):
        refuse_unwritable(tmp_path)
    with pytest.raises(UserError, match="file can't be written to: File exists"):
        refuse_unwritable_folder(tmp_path / "file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_without_permission_is_a_users_mistake(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="Permission denied"):
        refuse_unwritable(tmp_path / "file")

"""Files that are either whole or not there, their digests, and whether something can be written."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from errno import EEXIST, EISDIR
from pathlib import Path

from lt_bench.errors import UserError

_SUFFIX = ".part"


def write_atomic(path: Path, chunks: Iterable[bytes]) -> str:
    """Write `chunks` to `path` and return their SHA-256 (hex).

    The bytes go to a temporary file in the same folder, which replaces `path` only when all of them are on disk:
    whoever reads `path` sees the old content or the new, never a part. When anything raises, the temporary file
    is removed and `path` stays as it was. Missing parent folders are made. Raises OSError for a `path` that is there
    and is no regular file: it would be replaced, be it a device.
    """
    temporary, digest = _complete(path, chunks)
    replace_with(temporary, path)
    return digest


def write_together(files: Mapping[Path, bytes]) -> None:
    """Write several files, each as `write_atomic` does. They take their names in the order given, the first one only
    when all of them are on disk: when the disk is full, every file stays as it was.
    """
    ready: dict[Path, Path] = {}
    try:
        for path, content in files.items():
            ready[path], _ = _complete(path, [content])
        for path, temporary in ready.items():
            replace_with(temporary, path)
    finally:
        for temporary in ready.values():
            temporary.unlink(missing_ok=True)


def remove_unfinished(folder: Path, names: Iterable[str]) -> None:
    """Remove the temporary files of processes that were killed in `write_atomic`. names: of the files that they wrote,
    at most 40 letters of each, or patterns.

    For whoever holds a lock that keeps others from writing these files.
    """
    for name in names:
        for temporary in folder.glob(f".{name}.*{_SUFFIX}"):
            with suppress(OSError):  # it does no harm
                temporary.unlink()


def _complete(path: Path, chunks: Iterable[bytes]) -> tuple[Path, str]:
    """A temporary file beside `path` with all of the bytes, on disk, and their SHA-256. None is left when it raises."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _refuse_irregular(path)
    digest = hashlib.sha256()
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.", suffix=_SUFFIX, dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            for chunk in chunks:
                stream.write(chunk)
                digest.update(chunk)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes the file private; results are for everybody
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary, digest.hexdigest()


def replace_with(temporary: Path, path: Path) -> None:
    """Give `temporary`, which is complete and on disk, the name `path` in the same folder, so that a power cut leaves
    the old content or the new. Raises OSError; `temporary` is gone then.
    """
    try:
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _umask() -> int:
    """The process's umask. It can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    """Make the renaming itself survive a power cut, where the system lets a folder be opened."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_of(path: Path) -> str:
    """The SHA-256 (hex) of a file's content, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def refuse_unwritable(path: Path) -> None:
    """Raises UserError when no file can be written at `path`, or it is a folder, a link, a device or a pipe.

    Leaves what is there as it is; makes its folder.
    """
    try:
        _refuse_irregular(path)
        _try_writing(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error


def refuse_unwritable_folder(folder: Path) -> None:
    """Make a folder. Raises UserError when that fails, or no file can be written into it."""
    try:
        _try_writing(folder)
    except OSError as error:
        raise unwritable(folder, error) from error


def refuse_clashes(outputs: Mapping[str, Path], inputs: Mapping[str, Path]) -> None:
    """Raises UserError when two outputs are one file, or an output is an input. Keys: how the user knows the paths."""
    names = list(outputs)
    for place, name in enumerate(names):
        for other in names[:place]:
            if _is_same(outputs[name], outputs[other]):
                raise UserError(f"{other} and {name} are the same file: {outputs[name]}", "name two files")
        for other, path in inputs.items():
            if _is_same(outputs[name], path):
                raise UserError(f"{name} would replace {other}, which is read: {path}", f"give {name} another file")


def unwritable(path: Path, error: OSError) -> UserError:
    """What to tell a user who named a file or a folder that can't be written."""
    return UserError(f"{path} can't be written to: {error.strerror or error}", "name another one")


def _try_writing(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()


def _refuse_irregular(path: Path) -> None:
    """Raises OSError for what is there and is no regular file. Of a link, too: it would be replaced, not followed."""
    with suppress(FileNotFoundError):
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR), str(path))
        if not stat.S_ISREG(mode):
            what = "it is a symbolic link" if stat.S_ISLNK(mode) else "it is no regular file"
            raise FileExistsError(EEXIST, what, str(path))


def _is_same(one: Path, other: Path) -> bool:
    """Whether two paths are one file, or will be when they are written."""
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    with suppress(OSError):
        return one.samefile(other)  # by a hard link, or where upper and lower case are the same
    return False

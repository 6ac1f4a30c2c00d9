"""The home folder, and what stands for it where a process has none, as in containers. Standard library only."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from lt_bench.errors import UserError


def prepare() -> None:
    """Give a process without a home folder one, and a name to its user, for all libraries that ask for them.

    torch would put weights into a folder that is called "~", and other libraries end with an error.
    """
    if own_home() is None:
        os.environ["HOME"] = str(substitute())
    if not _has_name():
        os.environ["USER"] = str(_user())


def own_home() -> Path | None:
    """The home folder of the user ($HOME, else what the system's list of users says); None where there is none."""
    try:
        home = Path.home()
    except (RuntimeError, KeyError, OSError):
        return None
    return None if home == substitute() else home


def substitute() -> Path:
    """What stands for a home folder: one for each user, among the temporary files. It need not exist."""
    return Path(tempfile.gettempdir()) / f"lt_bench-{_user()}"


def make_substitute() -> Path:
    """Make it, for its user alone. Raises UserError when it is somebody else's."""
    folder = substitute()
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        owner = folder.lstat().st_uid
    except OSError as error:
        raise UserError(
            f"{folder} can't be made: {error.strerror}", "set HOME to a folder that can be written"
        ) from error
    if folder.is_symlink() or (hasattr(os, "getuid") and owner != os.getuid()):
        raise UserError(f"{folder} is another user's", "set HOME to a folder that can be written")
    return folder


def expanded(path: str, what: str) -> Path:
    """A path with ~ for the home folder. what: where the path is from. Raises UserError when there is no such home."""
    try:
        return Path(path).expanduser()
    except (RuntimeError, KeyError) as error:
        raise UserError(f"{what} is {path}, and there is no such home folder", f"give {what} without ~") from error


def can_be_made(folder: Path) -> bool:
    """Whether a folder is there, or could be made."""
    for place in (folder, *folder.parents):
        if os.path.lexists(place):
            return place.is_dir() and (place == folder or os.access(place, os.W_OK | os.X_OK))
    return False


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def _has_name() -> bool:
    import getpass

    try:
        return bool(getpass.getuser())
    except (KeyError, OSError, ImportError):
        return False

"""What is shown on the terminal outside training: progress bars, and paths as people write them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from lt_bench.utils.homes import own_home


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Yields report(done, total). Nothing is drawn when the error stream is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total: None
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)

        def report(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield report


def shown(path: Path) -> str:
    """A path relative to the current folder or to the home folder (~), when it lies in one of them."""
    path, home = path.resolve(), own_home()
    with suppress(OSError, ValueError):  # the current folder may be gone
        return str(path.relative_to(Path.cwd()))
    return f"~/{path.relative_to(home)}" if home and path.is_relative_to(home) else str(path)

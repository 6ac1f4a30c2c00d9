"""From the arguments of `compare` to records: run folders, folders of them, record files, losses of a board."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lt_bench.errors import UserError, did_you_mean
from lt_bench.leaderboard.comparison.settings import heading, is_track, loss_key, names_of, newest, setting
from lt_bench.leaderboard.files import RESULT, results_in
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.store import read, read_all

UNFINISHED = "run.json"  # is there from the start

Recorded = tuple[Path, ResultRecord]


@dataclass(frozen=True, eq=False)
class Named:
    """Runs that one argument stands for. name: what the user calls them; None for their loss's own name. unfinished:
    folders beside theirs whose runs have no record yet. on_board: whether a loss of a board was named.
    """

    name: str | None
    runs: tuple[Recorded, ...]
    unfinished: tuple[Path, ...] = ()
    on_board: bool = False


def resolve(arguments: Sequence[str], leaderboards: Path, track: str | None) -> list[Named]:
    """The runs that each argument stands for: PATH, NAME=PATH, or a loss's name on the board in `leaderboards`.

    With `track`, what is not written as a path is a name on the board, else what exists is a path. Raises UserError for
    what is neither, for an argument that is there twice, and for a `track` when no loss is named.
    """
    board: _Board | None = None
    found = []
    for place, argument in enumerate(arguments):
        if not argument.strip():
            raise UserError(
                f"argument {place + 1} is empty", "leave it out, or see what it was to be: a variable not set?"
            )
        if Path(argument) in map(Path, arguments[:place]):
            raise UserError(f"{argument} is named twice", "name another one beside it")
        name, target = _split(argument)
        path = Path(target)
        written_as_path = "/" in target or path.suffix == ".json"
        if written_as_path or (track is None and path.exists()):
            found.append(Named(name, tuple(records_at(path)), tuple(unfinished_in(path))))
        else:
            board = board or _Board(leaderboards, track, target)
            found.append(Named(name, tuple(board.runs_of(target)), on_board=True))
    if found and track is not None and board is None:
        raise UserError(
            f"--track {track} has no effect: no loss of a board is named", "leave it out, or name losses of the board"
        )
    return found


def records_at(path: Path) -> list[Recorded]:
    """The record at `path`, that of the run folder `path`, or those of the run folders in it.

    Raises UserError when there is none, or one of them can't be read.
    """
    if path.exists() and not path.is_dir():
        return [_recorded(path)]
    if not path.is_dir():
        raise UserError(f"there is no {path}", "give a run folder, a record, or the name of a loss on a board")
    if results := results_in(path):
        return [_recorded(result) for result in results]
    if (path / UNFINISHED).is_file():
        raise UserError(f"{path}: the run is not finished", "give its command again: it goes on where it stopped")
    raise UserError(f"{path} holds no {RESULT}, nor do the folders in it", "give the folder of a finished run")


def unfinished_in(path: Path) -> list[Path]:
    """The folders in the folder of runs `path` in which a run was begun that has no record."""
    if not path.is_dir() or (path / RESULT).is_file():
        return []
    begun = [folder for folder in path.iterdir() if (folder / UNFINISHED).is_file() or (folder / "config.py").is_file()]
    return sorted(folder for folder in begun if not (folder / RESULT).is_file())


def _recorded(path: Path) -> Recorded:
    try:
        return path, read(path)
    except UserError as error:
        raise UserError(
            error.message, f"give a run folder, its {RESULT}, a record of a board, or the name of a loss on a board"
        ) from error


def _split(argument: str) -> tuple[str | None, str]:
    """NAME=PATH as its two parts. A path that exists is taken whole; so is what has = in its parentheses."""
    name, equals, target = argument.partition("=")
    if not equals or Path(argument).exists() or "(" in name or "/" in name:
        return None, argument
    if not name.strip() or not target:
        raise UserError(f"{argument!r} is no NAME=PATH", "write a name, =, and a path or a loss of the board")
    return name.strip(), target


class _Board:
    """The losses of one track of a board."""

    def __init__(self, folder: Path, track: str | None, asked_for: str) -> None:
        found, _ = read_all(folder / "results")
        if not found:
            raise UserError(
                f"there is no path {asked_for!r}, and {folder} holds no records",
                "give a run folder or a record, or the folder of a board with --leaderboards",
            )
        self.folder = folder
        kept, _ = newest(_of_track(found, track, folder), lambda run: run[1])  # as on the board
        self.runs = sorted(kept, key=lambda run: (loss_key(run[1]), run[1].seed))
        groups: dict[tuple[str, ...], list[Recorded]] = {}
        for path, record in self.runs:
            groups.setdefault(loss_key(record), []).append((path, record))
        names = names_of([runs[0][1] for runs in groups.values()])
        self.losses = dict(zip(names, groups.values(), strict=True))

    def runs_of(self, name: str) -> list[Recorded]:
        """By the name that the board shows, or by the loss's name when it has one row only."""
        if name in self.losses:
            return self.losses[name]
        rows = [row for row, runs in self.losses.items() if runs[0][1].method == name]
        if len(rows) > 1:
            raise UserError(
                f"{name} has {len(rows)} rows on the board {self.folder}", f"name one of them: {'; '.join(rows)}"
            )
        if not rows:
            raise UserError(
                f"there is no path {name!r}, and no such loss on the board {self.folder}, {heading(self.runs[0][1])}",
                did_you_mean(name, self.losses),
            )
        return self.losses[rows[0]]


def _of_track(found: Iterable[Recorded], track: str | None, folder: Path) -> list[Recorded]:
    tracks: dict[tuple[str, ...], list[Recorded]] = {}
    for path, record in found:
        if track is None or is_track(track, record):
            tracks.setdefault(tuple(setting(record).values()), []).append((path, record))
    if len(tracks) == 1:
        return next(iter(tracks.values()))
    headings = sorted(
        {heading(record) for _, record in found} if not tracks else {_heading(t) for t in tracks.values()}
    )
    listed = "".join(f"\n  {one}" for one in headings)
    if not tracks:
        raise UserError(f"there is no track {track!r} on the board {folder}", f"its tracks:{listed}")
    which = "the board" if track is None else f"--track {track!r}"
    raise UserError(f"{which} has {len(tracks)} tracks: {folder}", f"name one of them with --track:{listed}")


def _heading(runs: Sequence[Recorded]) -> str:
    return heading(runs[0][1])

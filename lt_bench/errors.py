"""Errors that a user can fix. The command line prints them without a traceback and exits with 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake in what the user gave: names the thing and, in `remedy`, what to do about it."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message


class DataNotFoundError(UserError):
    """A data set is not where it was looked for."""


class UnreadableDataError(UserError):
    """Data that a run reads went bad while it was in use."""


class PluginError(UserError):
    """A loss plugin is missing, broken, or not what it says it is."""


class RunFailedError(Exception):
    """Something failed although the input was right. The command line exits with 1."""


class StoppedError(Exception):
    """A signal asked to stop, and what can be saved is. The command line exits with `code`.

    saved: what to tell the user of what was kept.
    """

    def __init__(self, signal: str, saved: str = "") -> None:
        super().__init__(f"stopped by {signal}" + (f": {saved}" if saved else ""))
        self.signal = signal
        self.code = 130 if signal == "SIGINT" else 75  # as shells have it; "try again" in sysexits.h


def of_worker(error: UnreadableDataError) -> UnreadableDataError:
    """The error as it was raised: of one in a loader's worker, torch makes one whose message is a traceback."""
    name = f"{type(error).__module__}.{type(error).__qualname__}: "
    _, found, said = error.message.rpartition(f"\n{name}")
    if not found or not error.message.startswith("Caught "):
        return error
    message, _, remedy = said.strip().partition("\n")
    return UnreadableDataError(message, remedy)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A remedy for an unknown name: the closest known one, and all of them."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return (f"did you mean {close[0]!r}? " if close else "") + f"known: {', '.join(known) or 'none'}"

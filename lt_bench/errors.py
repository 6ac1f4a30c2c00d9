"""Errors that a user can mend. The command line prints them without a traceback and exits with 2."""

from __future__ import annotations


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


class PluginError(UserError):
    """A loss plugin is missing, broken, or not what it says it is."""


class RunFailedError(Exception):
    """Something failed although the input was right. The command line exits with 1."""

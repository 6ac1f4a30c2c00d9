"""A field of a record that does not hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ABSENT = "nothing"
_SHOWN = 100  # characters of a value


@dataclass(frozen=True)
class Problem:
    """field: with dots. recorded: what the record says. found: what it should say, or where nothing knows that, why it
    can't be right. said: what to print instead of both, where they are not two values.
    """

    field: str
    recorded: Any
    found: Any
    said: str = ""

    def __str__(self) -> str:
        said = self.said or f"recorded {shown(self.recorded)}, found {shown(self.found)}"
        return f"{self.field}: {printable(said)}"


def unreadable(field: str, path: Path, reason: str) -> Problem:
    """A file that can't be read, with the whole reason, in which its path does not come up again."""
    reason = reason.removeprefix(str(path)).removeprefix(":").strip().replace(str(path), path.name)
    said = reason if field in ("schema", path.name) else f"{path.name}: {reason}"  # the record is named already
    return Problem(field, path.name, reason, said)


def differences(recorded: Mapping[str, Any], found: Mapping[str, Any], prefix: str = "") -> Iterator[Problem]:
    """A problem for every value in `found`, however deep in it, that is another in `recorded` or is not there.

    Numbers are equal when all their bits are; what only `recorded` has is not looked at.
    """
    for name, value in found.items():
        field, own = f"{prefix}{name}", recorded.get(name, ABSENT)
        if isinstance(value, Mapping) and isinstance(own, Mapping):
            yield from differences(own, value, f"{field}.")
        elif (isinstance(own, bool), own) != (isinstance(value, bool), value):
            yield Problem(field, own, value)


def shown(value: Any) -> str:
    """A value, cut off where it is long."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def printable(text: str) -> str:
    """On one line, without terminal codes: values and file names may hold anything."""
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.splitlines()))

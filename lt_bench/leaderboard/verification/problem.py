"""A field of a record that does not hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ABSENT = "nothing"
_SHOWN = 100  # characters of a value


@dataclass(frozen=True)
class Problem:
    """field: with dots. recorded: what the record says. found: what it should say, or where nothing knows that, why it
    can't be right.
    """

    field: str
    recorded: Any
    found: Any

    def __str__(self) -> str:
        return f"{self.field}: recorded {_short(self.recorded)}, found {_short(self.found)}"


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


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."

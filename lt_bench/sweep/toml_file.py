"""A sweep that is kept in a file: the options of the command as TOML."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from lt_bench.errors import UserError, did_you_mean

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def words_of(path: Path, flags: Collection[str], repeated: Collection[str], single: Collection[str]) -> list[str]:
    """The words of the command line that a file stands for.

    flags, repeated, single: names of options without dashes in front: those that take no value, those that may be given
    several times, and the others, whose list becomes one with commas.

    Raises UserError for a file that can't be read, an unknown option, and a value of the wrong type.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} can't be read: {error}", "give a TOML file of the command's options") from error
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path} is no TOML: {error}", 'for example loss = ["ce", "ecm"]') from error
    words: list[str] = []
    for key, value in content.items():
        name = key.replace("_", "-")
        if name in flags:
            if not isinstance(value, bool):
                raise UserError(f"{path}: {key} is {value!r}", "it is true or false")
            words += [f"--{name}"] if value else []
        elif name in repeated:
            words += [f"--{name}={one}" for one in _assignments(path, key, value)]
        elif name in single:
            words.append(f"--{name}={_joined(path, key, value)}")
        else:
            raise UserError(f"{path}: there is no option {key!r}", did_you_mean(name, {*flags, *repeated, *single}))
    return words


def _assignments(path: Path, key: str, value: Any) -> list[str]:
    """KEY=VALUE strings of a list of them or of a table."""
    if isinstance(value, Mapping):
        return [f"{name}={one}" for name, one in value.items()]
    found = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in found):
        raise UserError(f"{path}: {key} is {value!r}", "it is a list of strings")
    return list(found)


def _joined(path: Path, key: str, value: Any) -> str:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(one, str | int | float) and not isinstance(one, bool) for one in values):
        raise UserError(f"{path}: {key} is {value!r}", "it is a text, a number, or a list of them")
    joined = ",".join(map(str, values))
    return f"{joined}," if key == "seeds" and isinstance(value, list) else joined  # [5] is the seed 5, not five seeds

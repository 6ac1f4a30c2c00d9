"""Rows of the CSV files, one after the other."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from math import isfinite
from operator import itemgetter
from pathlib import Path

from lt_bench.data.text_source import BLOCK, open_text_source
from lt_bench.errors import UserError

AGAIN = "download it again"


def rows(path: Path, columns: Sequence[str], optional: Sequence[str] = ()) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Line number and the fields of some columns of each row, by the names in the header; "" for an optional column
    that the table lacks. Raises UserError for a table without a column, and a row that is cut off."""
    with open_text_source(path) as stream:
        text = io.TextIOWrapper(io.BufferedReader(stream, BLOCK), "utf-8", newline="")  # type: ignore[type-var]
        reader = csv.reader(text)
        try:
            header = next(reader, [])
            if missing := [name for name in columns if name not in header]:
                raise UserError(
                    f"{path}: no column {', '.join(missing)} in its header {','.join(header)[:200]!r}", AGAIN
                )
            width = len(header)
            pick = itemgetter(*(header.index(name) if name in header else width for name in (*columns, *optional)))
            blank = [""] if any(name not in header for name in optional) else []
            for row in reader:
                if len(row) != width:
                    if not row:
                        continue
                    raise UserError(
                        f"{path}, line {reader.line_num}: {len(row)} fields where the header has {width}", AGAIN
                    )
                yield reader.line_num, pick(row + blank if blank else row)
        except csv.Error as error:
            raise UserError(f"{path}, line {reader.line_num}: {error}", AGAIN) from error
        except UnicodeDecodeError as error:
            raise UserError(f"{path}, after line {reader.line_num}: no UTF-8: {error}", AGAIN) from error


def pairs(path: Path) -> Iterator[tuple[str, ...]]:
    """The rows of a list of classes, which has no header in most releases; LabelName, DisplayName where it has one."""
    with open_text_source(path) as stream:
        text = io.TextIOWrapper(io.BufferedReader(stream, BLOCK), "utf-8", newline="")  # type: ignore[type-var]
        try:
            for row in csv.reader(text):
                if row and row[0] != "LabelName":
                    yield tuple(field.strip() for field in row)
        except (csv.Error, UnicodeDecodeError) as error:
            raise UserError(f"{path}: {error}", AGAIN) from error


def number(text: str, column: str, path: Path, line: int) -> float:
    """A finite number. Raises UserError with the place of one that is none."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise UserError(f"{path}, line {line}: {column} is {text!r}, which is no number", AGAIN)
    return value

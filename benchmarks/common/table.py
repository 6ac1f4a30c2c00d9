"""Tables for the terminal ("simple") and for Markdown ("github")."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tabulate import tabulate


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], align: str = "", style: str = "github") -> str:
    """align: a letter for each column, l or r; the columns after the last letter are aligned like it."""
    align = align or "l"
    columns = align + align[-1] * (len(headers) - len(align))
    sides = [{"l": "left", "r": "right"}[letter] for letter in columns]
    return str(tabulate(list(rows), headers, style, disable_numparse=True, colalign=sides))

"""How the figures of a comparison look, and how they become files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_bench.errors import UserError
from lt_bench.utils.files import refuse_unwritable, unwritable, write_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")
# Okabe and Ito's palette, which people with any common colour blindness can tell apart. Shapes differ, too.
BLACK, ORANGE, BLUE, GREEN, PURPLE = "#000000", "#E69F00", "#0072B2", "#009E73", "#CC79A7"
GREY, PALE = "#6f6f6f", "#d0d0d0"
STYLE: dict[str, Any] = {
    "font.size": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "svg.hashsalt": "lt_bench",  # otherwise every file has ids of its own
    "svg.fonttype": "none",
    "text.parse_math": False,  # a name may hold $
}


def refuse_no_figure(path: Path) -> None:
    """Raises UserError when no figure can be written to `path`: by its suffix, or since nothing can be."""
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(
            f"{path}: a figure can't be written as {path.suffix or 'a file without suffix'}",
            f"give a name that ends in {', '.join(SUFFIXES)}",
        )
    refuse_unwritable(path)


def save(figure: Figure, path: Path) -> None:
    """The same figure gives the same bytes. Raises UserError when it can't be written."""
    import matplotlib

    suffix = path.suffix.lower().lstrip(".")
    undated = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[suffix]
    stream = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(stream, format=suffix, dpi=200, metadata=undated)
    try:
        write_atomic(path, [stream.getvalue()])
    except OSError as error:
        raise unwritable(path, error) from error


def beside(path: Path, name: str) -> Path:
    """FILE_name.suffix for FILE.suffix."""
    return path.with_name(f"{path.stem}_{name}{path.suffix}")


def shorten(text: str, longest: int) -> str:
    """In one line, without its middle where it is too long: names of one loss differ at their ends."""
    text = " ".join(text.split())
    if len(text) <= longest:
        return text
    head = longest // 2
    return f"{text[:head]}…{text[len(text) - (longest - head - 1) :]}"

"""The standard streams of a process. Standard library only."""

from __future__ import annotations

import io
import sys


def prepare() -> None:
    r"""Have standard output and error write what their encoding lacks as an escape (\xe4), instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not _takes_all(stream):
            stream.reconfigure(errors="backslashreplace")


def _takes_all(stream: io.TextIOWrapper) -> bool:
    """Whether it writes any text, and names of files that are not text as they are."""
    utf8 = stream.encoding.lower().replace("-", "") == "utf8"
    return stream.errors == "backslashreplace" or (utf8 and stream.errors == "surrogateescape")

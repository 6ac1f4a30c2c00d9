"""Text from records, made harmless for a markdown page."""

from __future__ import annotations

import re
from collections.abc import Collection

import pandas as pd

SPECIAL = re.compile(r"[\\`*_\[\]<>|~&$@]|(?<=www)\.|:(?=//)", re.IGNORECASE)


def escape(text: str) -> str:
    """`text` on one line, shown by GitHub's markdown exactly as it is: no emphasis, cell border, HTML or link."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return SPECIAL.sub(lambda match: f"\\{match.group()}", line)


def table(frame: pd.DataFrame, left: Collection[str]) -> str:
    """A markdown table: the columns in `left` aligned left, the others right. Cells must be escaped already."""
    align = ["left" if name in left else "right" for name in frame.columns]
    return str(frame.to_markdown(index=False, tablefmt="pipe", disable_numparse=True, colalign=align))

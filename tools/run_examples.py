"""Runs the Python examples of a markdown page and puts what they print under them.

    python tools/run_examples.py docs/results.md

The blocks marked `python` are run in order, as one program. Where a block marked `text` follows one, it is replaced by
what that one printed. Paths in them are relative to the current folder.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from pathlib import Path
from typing import Any

EXAMPLE = re.compile(r"```python\n(?P<code>.*?)```\n(?:\n```text\n(?P<output>.*?)```\n)?", re.DOTALL)


def with_outputs(page: str) -> str:
    """The page with what its examples print now."""
    names: dict[str, Any] = {"__name__": "__main__"}

    def run(match: re.Match[str]) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(match["code"], "<example>", "exec"), names)
        block = f"```python\n{match['code']}```\n"
        if match["output"] is None:
            return block
        lines = "".join(f"{line.rstrip()}\n" for line in printed.getvalue().splitlines())
        return f"{block}\n```text\n{lines}```\n"

    return EXAMPLE.sub(run, page)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(with_outputs(path.read_text(encoding="utf-8")), encoding="utf-8")

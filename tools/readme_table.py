"""Puts the tables of training in full of leaderboards/glyphs.md into README.md, between two marks:
`python tools/readme_table.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BEGIN = "<!-- The tables of leaderboards/glyphs.md, put here by `python tools/readme_table.py`. -->"
END = "<!-- End of the tables. -->"


def excerpt(page: str) -> str:
    """Of every table of training in full: its heading, the table, and what follows from it and what does not."""
    return "\n\n".join(_paragraphs(page))


def _paragraphs(page: str) -> Iterator[str]:
    shown = wants_table = False
    for paragraph in page.split("\n\n"):
        if paragraph.startswith("## "):
            shown = wants_table = "fingerprint" in paragraph and not paragraph.startswith("## decoupled")
            if shown:
                yield f"**{paragraph.removeprefix('## ')}**"
        elif paragraph.startswith("|") and wants_table:
            wants_table = False  # tables of further metrics stay on the page
            yield paragraph
        elif shown and paragraph.startswith(("**What follows:**", "**What does not:**", "**Few images:**")):
            yield paragraph.rstrip()


def with_excerpt(readme: str, page: str) -> str:
    """The README with what is between the marks made anew. Raises ValueError where the marks are missing."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md has no lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{excerpt(page)}\n\n{END}{after}"


def main() -> None:
    readme = ROOT / "README.md"
    page = (ROOT / "leaderboards" / "glyphs.md").read_text(encoding="utf-8")
    readme.write_text(with_excerpt(readme.read_text(encoding="utf-8"), page), encoding="utf-8")


if __name__ == "__main__":
    main()

"""tools/readme_table.py takes the tables of a page, and nothing else of the README is touched."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parent.parent / "tools" / "readme_table.py"
spec = importlib.util.spec_from_file_location("readme_table", FILE)
assert spec and spec.loader
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)

PAGE = """# Leaderboard: made

| no table of ours |

## first (fingerprint 0123)

- fact

| loss | mask AP |
|:--|--:|
| ce | 1 |

**What follows:** something.

**What does not:** the rest.

**AP_fixed**

| loss | AP_fixed |

## decoupled, features of ce (fingerprint 4567)

**Decoupled:** the classifier alone.

| loss | box AP |

**What follows:** nothing of this.

## second (fingerprint 89ab)

- fact

| loss | box AP |

## Published numbers

| loss | AP |
"""
SHOWN = """**first (fingerprint 0123)**

| loss | mask AP |
|:--|--:|
| ce | 1 |

**What follows:** something.

**What does not:** the rest.

**second (fingerprint 89ab)**

| loss | box AP |"""


def test_headings_tables_and_what_follows_are_shown() -> None:
    assert tool.excerpt(PAGE) == SHOWN


def test_only_what_is_between_the_marks_is_replaced() -> None:
    readme = f"before\n{tool.BEGIN}\nold | {{}} \\1\n{tool.END}\nafter\n"
    made = tool.with_excerpt(readme, PAGE)
    assert made == f"before\n{tool.BEGIN}\n\n{SHOWN}\n\n{tool.END}\nafter\n"
    assert tool.with_excerpt(made, PAGE) == made


@pytest.mark.parametrize("readme", ["", tool.BEGIN, tool.END, f"{tool.END}{tool.BEGIN}"])
def test_a_readme_without_marks_is_refused(readme) -> None:
    with pytest.raises(ValueError, match="has no lines"):
        tool.with_excerpt(readme, PAGE)

"""docs/reliability.md names tests that are there, and says rightly which of them are left out by `make test`."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "reliability.md").read_text(encoding="utf-8")
MAKEFILE = (TESTS.parent / "Makefile").read_text(encoding="utf-8")
HELD_BY = [row.split("|")[-2] for row in PAGE.splitlines() if row.startswith("| ")]
NAMED = sorted({found for cell in HELD_BY for found in re.findall(r"`([^` ]+\.py)(?: -k (\w+))?`(\*?)", cell)})


def extras(file: str, word: str) -> list[bool]:
    """Of each test in a file whose name has the word: whether it is marked `extra`, alone or with the whole file."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    marks = [ast.unparse(node) for node in tree.body if isinstance(node, ast.Assign)]
    whole = any(mark.startswith("pytestmark") and "mark.extra" in mark for mark in marks)
    return [
        whole or any("mark.extra" in ast.unparse(decorator) for decorator in node.decorator_list)
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and word in node.name
    ]


@pytest.mark.parametrize(("file", "word", "star"), NAMED)
def test_a_named_test_is_there_and_run_where_it_is_said(file: str, word: str, star: str) -> None:
    found = extras(file, word)
    assert found
    assert all(found) == bool(star)


def test_each_promise_names_what_holds_it() -> None:
    assert len(NAMED) > 50
    targets = {target for cell in HELD_BY for target in re.findall(r"`make ([\w-]+)`", cell)}
    assert all(re.search(rf"^{target}:", MAKEFILE, re.MULTILINE) for target in targets)
    rows = [cell for cell in HELD_BY if cell.strip() not in ("held by", "---")]
    assert not [cell for cell in rows if "`" not in cell and cell.strip() != "the same"]

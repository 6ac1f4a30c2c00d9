"""The examples of a documentation page print what the page shows."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_examples", ROOT / "tools" / "run_examples.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_results_md_is_up_to_date(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spaces aside, which another version of pandas may set otherwise."""
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert page.count("```text\n") == 3
    assert "```text\n```" not in page
    made = script.with_outputs(page)
    assert re.sub(r" +", " ", made) == re.sub(r" +", " ", page), (
        "python tools/run_examples.py docs/results.md puts the new outputs in"
    )


def test_outputs_are_put_under_the_examples_that_printed_them(script: ModuleType) -> None:
    page = "```python\nx = 2\n```\n\nThen\n\n```python\nprint(x + 1)\n```\n\n```text\nold\n```\n\nmore\n"
    assert script.with_outputs(page) == page.replace("old", "3")

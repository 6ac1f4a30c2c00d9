"""A sweep in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from lt_bench.errors import UserError
from lt_bench.sweep.toml_file import words_of


def words(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "sweep.toml"
    path.write_text(text, encoding="utf-8")
    return words_of(path, {"amp"}, {"set", "loss-grid"}, {"loss", "seeds", "max-iters"})


def test_options_become_words(tmp_path: Path) -> None:
    text = """
    loss = ["ce", "ecm"]
    seeds = [5]
    max_iters = 100
    amp = true
    loss-grid = ["seesaw:p=0.6,0.8", "seesaw:q=2"]
    [set]
    "optimizer.lr" = 0.1
    """
    assert words(tmp_path, text) == [
        *("--loss=ce,ecm", "--seeds=5,", "--max-iters=100", "--amp"),
        *("--loss-grid=seesaw:p=0.6,0.8", "--loss-grid=seesaw:q=2", "--set=optimizer.lr=0.1"),
    ]
    assert words(tmp_path, 'amp = false\nseeds = 5\nloss = "all"') == ["--seeds=5", "--loss=all"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("los = 1", "'los'"),
        ("amp = 1", "amp"),
        ("loss = []", "loss"),
        ("loss = [[1]]", "loss"),
        ("set = [1]", "set"),
        ("max-iters = true", "max-iters"),
        ("loss = ", "no TOML"),
    ],
)
def test_a_mistake_is_named_with_the_file(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(UserError, match=named) as caught:
        words(tmp_path, text)
    assert "sweep.toml" in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="can't be read"):
        words_of(tmp_path / "none.toml", (), (), ())

"""What the README says holds: its example is a plugin that works, its commands exist, its code prints what it shows."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
import torch

from lt_bench import ClassStats, build_loss
from lt_bench.cli import main

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
STATS = ClassStats(image_count=[5, 50, 500], instance_count=[6, 70, 900], num_images=600)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands() -> list[str]:
    joined = README.replace("\\\n", " ")
    found = re.findall(
        r"lt_bench ((?:run|eval|check|compare|verify|losses|doctor|leaderboard|data|selftest)\b[^\n`,;]*)", joined
    )
    return [re.split(r"  +", command)[0] for command in found]


def test_the_example_is_short() -> None:
    code = [line for line in blocks("python")[0].splitlines() if line.strip()]
    assert len(code) < 30


@pytest.mark.slow
def test_the_example_is_a_plugin_that_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tempered.py").write_text(blocks("python")[0], encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(blocks("toml")[0], encoding="utf-8")
    site = tmp_path / "site"
    done = subprocess.run(
        (
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"),
            "-t",
            site,
            tmp_path,
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    monkeypatch.syspath_prepend(str(site))
    loss = build_loss("tempered", STATS, temperature=1.5)
    logits, labels = torch.tensor([[0.0, 3.0, 0.0, 0.0]]), torch.tensor([1])
    expected = torch.log(3 + torch.exp(torch.tensor(2.0))) - 2.0
    value = loss(logits, labels)
    assert isinstance(value, torch.Tensor)
    assert value.item() == pytest.approx(expected.item())
    assert loss.scores(logits).shape == (1, 4)


@pytest.mark.slow
def test_the_python_code_prints_what_is_shown() -> None:
    done = subprocess.run((sys.executable, "-c", blocks("python")[1]), capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        assert f"    {line}\n" in README


def test_readme_and_page_show_the_same_tables_of_training_in_full() -> None:
    """`python tools/readme_table.py` puts them there."""
    page = (ROOT / "leaderboards" / "glyphs.md").read_text(encoding="utf-8")
    page = "\n## ".join(part for part in page.split("\n## ") if not part.startswith("decoupled"))
    shown = README.partition("<!-- The tables of ")[2].partition("<!-- End of the tables. -->")[0]

    def tables(text: str) -> list[list[str]]:
        return [block.splitlines() for block in text.split("\n\n") if block.startswith("| ") and "mask AP |" in block]

    def sentences(text: str) -> list[str]:
        return re.findall(r"^\*\*(?:What follows|What does not|Few images):\*\* .+$", text, flags=re.MULTILINE)

    assert tables(shown) == tables(page) != []
    assert sentences(shown) == sentences(page) != []
    assert re.findall(r"fingerprint [0-9a-f]{12}", shown) == re.findall(r"^## .*(fingerprint [0-9a-f]{12})", page, re.M)


def test_there_are_commands() -> None:
    assert len(commands()) > 10


@pytest.mark.parametrize("command", commands())
def test_every_command_parses(command: str) -> None:
    """Names and options exist; nothing is run."""
    words = shlex.split(command, comments=True)
    group: click.Command | None = main
    context = click.Context(main)
    while isinstance(group, click.Group) and words and not words[0].startswith("-"):
        _, group, words = group.resolve_command(context, words)
    assert group is not None
    if words[-1:] != ["--help"]:
        group.make_context("lt_bench", words)

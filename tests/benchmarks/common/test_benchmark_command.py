"""What all benchmarks' commands do alike: results on disk, --from, mistakes."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from benchmarks.common.command import RESULTS, command_line, dump, numbers

COMMITTED = sorted(RESULTS.glob("*.json"))


def command(stem: str) -> click.Command:
    name = stem.removesuffix("_cpu").removesuffix("_cuda")
    module = f"benchmarks.{name}" if name == "threads" else f"benchmarks.{name}.__main__"
    found: click.Command = importlib.import_module(module).main
    return found


def test_each_benchmark_has_results() -> None:
    names = {path.stem.partition("_")[0] for path in COMMITTED}
    measured = {"losses", "detector", "evaluation", "evidence", "comparison", "probe", "startup", "threads"}
    assert names == {*measured, "chaos", "soak"}


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_pages_and_figures_are_those_of_their_json(path: Path, tmp_path: Path) -> None:
    notes = path.with_name(f"{path.stem}_notes.md")
    for source in (path, notes):
        if source.is_file():
            (tmp_path / source.name).write_bytes(source.read_bytes())
    done = CliRunner().invoke(command(path.stem), ["--from", str(tmp_path / path.name)])
    assert done.exit_code == 0, done.output
    assert (tmp_path / f"{path.stem}.md").read_text() == path.with_suffix(".md").read_text()
    for suffix in (".png", ".svg"):
        assert (tmp_path / f"{path.stem}{suffix}").is_file() == path.with_suffix(suffix).is_file()


@pytest.mark.parametrize("stem", ["losses_cpu", "detector_cpu"])
def test_json_is_written_as_it_was_read(stem: str) -> None:
    text = (RESULTS / f"{stem}.json").read_text()
    assert dump(json.loads(text)) == text


def test_json_has_a_line_for_each_result() -> None:
    data = {"machine": {"cores": 2}, "results": [{"a": [1, 2]}, {"b": None}], "none": []}
    text = dump(data)
    assert json.loads(text) == data
    assert '{"a": [1, 2]},' in text.splitlines()


def test_the_command_is_repeated_without_files() -> None:
    @click.command()
    @click.option("--sizes", callback=numbers)
    @click.option("--left-out")
    @click.option("--quick", is_flag=True)
    @click.option("--slow", is_flag=True)
    @click.option("--out", type=click.Path(path_type=Path))
    def main(**options: object) -> None:
        click.echo(command_line("losses", click.get_current_context()))

    done = CliRunner().invoke(main, ["--sizes", "80,1203", "--quick", "--out", "somewhere"])
    assert done.output == "python -m benchmarks.losses --sizes 80,1203 --quick\n"


@pytest.mark.parametrize("text", ["[]", "{", '{"machine": {}}'])
def test_a_foreign_json_ends_with_2(text: str, tmp_path: Path) -> None:
    (tmp_path / "foreign.json").write_text(text)
    for stem in {path.stem for path in COMMITTED}:
        done = CliRunner().invoke(command(stem), ["--from", str(tmp_path / "foreign.json")])
        assert done.exit_code == 2, done.output
        assert "name a JSON that this benchmark wrote" in done.output


def test_an_unwritable_folder_ends_with_2(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for stem in {path.stem for path in COMMITTED}:
        done = CliRunner().invoke(command(stem), ["--out", str(tmp_path / "file" / "below")])
        assert done.exit_code == 2
        assert "can't be written to" in done.output

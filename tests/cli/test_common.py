"""How the command line says what went wrong."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from command_line import forked

from lt_bench.cli import main as lt_bench
from lt_bench.cli.common import PATH, Group, log_to_terminal
from lt_bench.errors import RunFailedError, UserError


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rnu"], "did you mean 'run'"),
        (["run"], "--loss"),
        (["run", "--loss", "emc"], "did you mean 'ecm'"),
        (["run", "--loss", "ecm", "--backbone", "r51"], "did you mean 'r50'"),
        (["run", "--loss", "ecm", "--bakbone", "r50"], "--backbone"),
        (["run", "--loss", "ecm", "--loss-set", "fg_bg=3"], "did you mean 'fg_bg_ratio'"),
        (["run", "--loss", "ecm", "--dataset", "lvis_v1", "--data-root", "nowhere"], "lvis_v1 was not found"),
        (["run", "--loss", "ecm", "--dataset", "lvis_v1"], "lvisdataset.org"),
        (["run", "--loss", "ecm", "--resume", "--restart"], "exclude each other"),
        (["run", "--loss", "ecm", "--dataset", "glyphs", "--data-root", "x"], "made on the spot"),
        (["eval", "nothing.json"], "nothing.json is no file"),
        (["leaderboard", "--folder", "nothing"], "holds no results"),
        (["data", "make", "glyph"], "glyphs"),
        (["data", "check", "nowhere"], "was not found"),
    ],
)
def test_mistakes_are_explained_without_a_traceback(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = forked(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("the thing is odd", "make it even"), 2, "error: the thing is odd\nmake it even\n"),
        (RunFailedError("the loss is NaN"), 1, "failed: the loss is NaN\n"),
    ],
)
def test_a_mistake_and_a_failure_have_exit_codes_of_their_own(error: Exception, code: int, said: str) -> None:
    @click.group(cls=Group)
    def main() -> None:
        pass

    @main.command()
    def verb() -> None:
        raise error

    done = CliRunner().invoke(main, ["verb"])
    assert (done.exit_code, done.stdout, done.stderr) == (code, "", said)


def test_log_lines_are_shown_once_and_apart_from_the_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = logging.getLogger("lt_bench")
    for name, value in (("handlers", []), ("propagate", True), ("level", logging.NOTSET)):
        monkeypatch.setattr(logger, name, value)
    log_to_terminal()
    log_to_terminal()
    logging.getLogger("lt_bench.some.module").info("said")
    assert tuple(capsys.readouterr()) == ("", "said\n")


@pytest.mark.parametrize("path", ["file/below", "folder", "nowhere/file"])
def test_a_path_that_cannot_be_used_is_named_without_a_traceback(path: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()

    @click.group(cls=Group)
    def main() -> None:
        pass

    @main.command()
    def verb() -> None:
        (tmp_path / path).write_text("")

    done = CliRunner().invoke(main, ["verb"])
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: {tmp_path / path} can't be read or written: ")


def test_of_a_renaming_the_place_is_named_that_it_goes_to(tmp_path: Path) -> None:
    (tmp_path / "source").touch()
    (tmp_path / "folder").mkdir()

    @click.group(cls=Group)
    def main() -> None:
        pass

    @main.command()
    def verb() -> None:
        (tmp_path / "source").replace(tmp_path / "folder")

    done = CliRunner().invoke(main, ["verb"])
    assert (done.exit_code, done.stderr.partition(" can't")[0]) == (2, f"error: {tmp_path / 'folder'}")


def test_an_error_of_no_path_is_no_users_mistake() -> None:
    @click.group(cls=Group)
    def main() -> None:
        pass

    @main.command()
    def verb() -> None:
        raise OSError("something else")

    assert isinstance(CliRunner().invoke(main, ["verb"]).exception, OSError)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/full", "/dev/null"])
def test_a_device_is_no_file(device: str) -> None:
    """Reading some of them never ends."""

    @click.command()
    @click.argument("path", type=PATH)
    def verb(path: Path) -> None:
        click.echo(f"got {path}")

    done = CliRunner().invoke(verb, [device])
    assert done.exit_code == 2 and f"{device} is a device; name a file or a folder" in done.output
    for fine in ("/dev", "nowhere", __file__):
        assert CliRunner().invoke(verb, [fine]).output == f"got {fine}\n"


def test_a_full_disk_is_told_without_a_traceback() -> None:
    @click.group(cls=Group)
    def main() -> None:
        pass

    @main.command()
    def verb() -> None:
        with Path("/dev/full").open("wb", buffering=0) as stream:
            stream.write(b"x")

    if not Path("/dev/full").exists():
        pytest.skip("this system has no full device")
    done = CliRunner().invoke(main, ["verb"])
    assert done.exit_code == 2
    assert "can't be written: No space left on device" in done.stderr


def test_what_ends_the_process_is_told_and_is_no_success() -> None:
    @click.group(cls=Group)
    def main() -> None:
        pass

    @main.command()
    def verb() -> None:
        os._exit(0)

    done = CliRunner().invoke(main, ["verb"])
    assert done.exit_code == 1
    assert done.stderr.startswith("failed: something that was loaded called os._exit(0)")


def commands(command: click.Command) -> Iterator[click.Command]:
    yield command
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        yield from commands(inner)


def test_no_option_takes_a_number_that_is_not_finite() -> None:
    """click's own ranges take NaN, which is neither below nor above a bound."""
    from benchmarks.losses.__main__ import main as losses
    from benchmarks.startup.__main__ import main as startup

    found = [
        option
        for group in (lt_bench, losses, startup)
        for command in commands(group)
        for option in command.params
        if isinstance(option.type, click.FloatRange | click.types.FloatParamType)
    ]
    assert len(found) >= 6
    for option in found:
        for text in ("nan", "inf", "-inf", "1e999", "NaN"):
            with pytest.raises(click.BadParameter):
                option.type.convert(text, option, None)


def test_a_board_that_cannot_be_written_is_a_users_mistake(tmp_path: Path) -> None:
    """A folder that is a file, a page that is a folder, an archive that is a file."""
    (tmp_path / "file").touch()
    record = next((Path(__file__).resolve().parents[2] / "leaderboards" / "results" / "glyphs").rglob("ce_*.json"))

    def said(folder: Path, *more: str) -> str:
        done = CliRunner().invoke(lt_bench, ["leaderboard", "--add", str(record), "--folder", str(folder), *more])
        assert done.exit_code == 2, done.output
        return done.stderr

    assert f"error: {tmp_path / 'file'}" in said(tmp_path / "file")
    (tmp_path / "page" / "glyphs.md").mkdir(parents=True)
    assert f"error: {tmp_path / 'page' / 'glyphs.md'} can't be" in said(tmp_path / "page")
    (tmp_path / "archived").mkdir()
    (tmp_path / "archived" / "archive").touch()
    assert f"error: {tmp_path / 'archived' / 'archive'}" in said(tmp_path / "archived", "--archive")


def test_a_name_that_is_no_text_is_a_mistake_and_not_a_traceback() -> None:
    @click.group(cls=Group)
    def group() -> None:
        pass

    @group.command()
    @click.argument("name")
    def write(name: str) -> None:
        name.encode()

    done = CliRunner().invoke(group, ["write", "\udcc3bung"])
    assert done.exit_code == 2
    assert "is no text in the locale's encoding" in done.stderr and "rename it" in done.stderr

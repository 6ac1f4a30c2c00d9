"""The verb `leaderboard`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lt_bench.cli import main
from lt_bench.cli.run import publish
from lt_bench.leaderboard import archive, page, store
from lt_bench.leaderboard.store import LOCK
from lt_bench.utils.locks import locked

RECORD = next((Path(__file__).resolve().parents[1] / "leaderboard" / "old_records").rglob("ce_*.json"))


def leaderboard(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["leaderboard", "--folder", str(folder), *arguments])


def test_a_record_is_added_and_the_page_made_of_it(tmp_path: Path) -> None:
    done = leaderboard(tmp_path, "--add", str(RECORD))
    assert done.exit_code == 0, done.output
    (added,) = (tmp_path / "results").rglob("*.json")
    assert added.relative_to(tmp_path).parts[1:] == RECORD.parts[-3:]
    assert added.read_bytes() == RECORD.read_bytes()
    assert f"added {added}\n" in done.stdout and f"wrote {tmp_path / 'glyphs.md'}\n" in done.stdout
    assert (tmp_path / "glyphs.md").is_file()


def test_a_bad_record_is_named_fails_and_stops_no_page(tmp_path: Path) -> None:
    leaderboard(tmp_path, "--add", str(RECORD))
    (tmp_path / "glyphs.md").unlink()
    (tmp_path / "results" / "bad.json").write_text("{}", encoding="utf-8")
    done = leaderboard(tmp_path)
    assert done.exit_code == 1
    assert "left out: " in done.stderr and "bad.json" in done.stderr
    assert (tmp_path / "glyphs.md").is_file()


def test_check_fails_for_a_page_changed_by_hand_and_leaves_it(tmp_path: Path) -> None:
    leaderboard(tmp_path, "--add", str(RECORD))
    done = leaderboard(tmp_path, "--check")
    assert (done.exit_code, done.stderr) == (0, "")
    page = tmp_path / "glyphs.md"
    page.write_text(page.read_text(encoding="utf-8") + "by hand\n", encoding="utf-8")
    done = leaderboard(tmp_path, "--check")
    assert done.exit_code == 1
    assert f"{page}: line " in done.stderr and "by hand" in done.stderr
    assert page.read_text(encoding="utf-8").endswith("by hand\n")
    assert leaderboard(tmp_path, "--check", "--add", str(RECORD)).exit_code == 2


def test_strict_refuses_rows_without_evidence_and_writes_nothing(tmp_path: Path) -> None:
    leaderboard(tmp_path, "--add", str(RECORD))
    (tmp_path / "glyphs.md").unlink()
    done = leaderboard(tmp_path, "--strict")
    assert done.exit_code == 1
    assert "unverified, it has no evidence" in done.stderr
    assert not (tmp_path / "glyphs.md").exists()


def test_an_archive_is_made_once(tmp_path: Path) -> None:
    assert leaderboard(tmp_path, "--add", str(RECORD), "--archive").exit_code == 0
    (archived,) = (tmp_path / "archive").iterdir()
    assert (archived / "glyphs.md").is_file()
    done = leaderboard(tmp_path, "--archive")
    assert done.exit_code == 2 and "exists already" in done.stderr


def test_an_altered_record_is_not_added(tmp_path: Path) -> None:
    done = leaderboard(tmp_path / "board", "--add", str(altered(tmp_path / "altered")))
    assert done.exit_code == 1 and "does not verify:\n  file name: recorded " in done.stderr
    assert not (tmp_path / "board").exists()


def altered(folder: Path) -> Path:
    path = folder / Path(*RECORD.parts[-3:])
    path.parent.mkdir(parents=True)
    path.write_text(RECORD.read_text(encoding="utf-8").replace('"seed": 0', '"seed": 1'), encoding="utf-8")
    return path


def files_in(folder: Path) -> dict[Path, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != LOCK)
    return {path: path.read_bytes() for path in paths}


def test_of_several_runs_all_are_verified_before_one_is_stored(tmp_path: Path) -> None:
    board = tmp_path / "board"
    other = next(RECORD.parent.glob("ecm_*.json"))
    assert leaderboard(board, "--add", str(other)).exit_code == 0
    before = files_in(board)
    done = leaderboard(board, "--add", str(RECORD), "--add", str(altered(tmp_path / "altered")))
    assert done.exit_code == 1
    assert "does not verify:\n  file name: recorded " in done.stderr and "no run was added" in done.stderr
    assert "added " not in done.stdout
    assert files_in(board) == before
    twice = shutil.copyfile(RECORD, tmp_path / "copy.json")
    done = leaderboard(board, "--add", str(RECORD), "--add", str(twice))
    assert done.exit_code == 2 and "are the same run" in done.stderr
    assert files_in(board) == before
    done = leaderboard(board, "--add", str(RECORD), "--add", str(RECORD))
    assert done.exit_code == 0 and done.stdout.count("added ") == 1


def test_what_strict_refuses_is_not_stored(tmp_path: Path) -> None:
    done = leaderboard(tmp_path, "--add", str(RECORD), "--strict")
    assert done.exit_code == 1
    assert f"{RECORD}: unverified, it has no evidence" in done.stderr and "nothing was written" in done.stderr
    assert files_in(tmp_path) == {}


def test_storing_and_making_pages_are_done_while_the_results_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else of two runs that end at once, one could write the page without the other's row."""
    done = []

    def held(work: Callable[..., Any]) -> Callable[..., Any]:
        def check(*arguments: Any, **options: Any) -> Any:
            with pytest.raises(TimeoutError), locked(tmp_path / "results" / LOCK, wait=False):
                pass
            done.append(work.__name__)
            return work(*arguments, **options)

        return check

    monkeypatch.setattr(store, "add", held(store.add))
    monkeypatch.setattr(page, "regenerate", held(page.regenerate))
    monkeypatch.setattr(archive, "archive", held(archive.archive))
    publish([RECORD], tmp_path)
    assert done == ["add", "regenerate"]
    again = leaderboard(tmp_path, "--add", str(RECORD), "--archive")
    assert again.exit_code == 0, again.output
    assert done[2:] == ["add", "regenerate", "archive"]
    with locked(tmp_path / "results" / LOCK, wait=False):
        pass  # let go
    (archived,) = (tmp_path / "archive").iterdir()
    assert not (archived / "results" / LOCK).exists()

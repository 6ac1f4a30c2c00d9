"""The verb `leaderboard`."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from lt_bench.cli import main

RECORD = next((Path(__file__).resolve().parents[2] / "leaderboards" / "results" / "glyphs").rglob("ce_*.json"))


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
    altered = tmp_path / "altered" / Path(*RECORD.parts[-3:])
    altered.parent.mkdir(parents=True)
    altered.write_text(RECORD.read_text(encoding="utf-8").replace('"seed": 0', '"seed": 1'), encoding="utf-8")
    done = leaderboard(tmp_path / "board", "--add", str(altered))
    assert done.exit_code == 1 and "does not verify:\n  file name: recorded " in done.stderr
    assert not (tmp_path / "board").exists()

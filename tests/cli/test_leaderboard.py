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

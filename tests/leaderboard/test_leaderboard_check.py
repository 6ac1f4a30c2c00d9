"""Pages that are not what the records give, and rows that are not to be published, are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from lt_bench.leaderboard import read, record_path, regenerate, write
from lt_bench.leaderboard.check import check_pages, check_rows, seed_problems
from lt_bench.leaderboard.files import files_of
from lt_bench.leaderboard.rows import Run, in_tables
from lt_bench.leaderboard.submission import submit

PUBLISHED = Path(__file__).parents[2] / "leaderboards"


def state(folder: Path) -> dict[Path, tuple[bytes, int]]:
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_published_pages_are_what_the_records_give() -> None:
    assert check_pages(PUBLISHED) == []


def test_a_page_that_differs_is_named_with_its_first_line_and_nothing_is_written(make_record, publish) -> None:
    folder = publish(make_record("ce"), make_record("ecm", dataset="other"))
    regenerate(folder, published=True)
    assert check_pages(folder) == []
    page = folder / "made.md"
    lines = page.read_text(encoding="utf-8").split("\n")
    page.write_text("\n".join([*lines[:2], "# Mine", *lines[3:]]), encoding="utf-8")
    before = state(folder)
    assert check_pages(folder) == [f"{page}: line 3 is '# Mine', the records give '# Leaderboard: made'"]
    assert state(folder) == before
    page.write_text("\n".join(lines[:-2]), encoding="utf-8")
    (problem,) = check_pages(folder)
    assert problem.startswith(f"{page}: line {len(lines) - 1} is nothing, the records give ")


def test_missing_and_stale_pages_and_bad_records_are_named(make_record, publish) -> None:
    folder = publish(make_record("ce"))
    regenerate(folder, published=True)
    (folder / "gone.md").write_bytes((folder / "made.md").read_bytes())
    (folder / "made.md").unlink()
    (folder / "README.md").write_text("by hand", encoding="utf-8")
    (folder / "results" / "bad.json").write_text("{}", encoding="utf-8")
    problems = check_pages(folder)
    assert len(problems) == 3
    assert "bad.json: not a valid record" in problems[0]
    assert problems[1:] == [
        f"{folder / 'made.md'}: is missing; the records give it",
        f"{folder / 'gone.md'}: there is no record for this page",
    ]


def test_a_changed_record_changes_its_page(make_record, publish) -> None:
    folder = publish(make_record("ce", ap=0.25))
    regenerate(folder, published=True)
    publish(make_record("ce", ap=0.26))
    (problem,) = check_pages(folder)
    assert "made.md: line " in problem and "25.00" in problem and "26.00" in problem


def test_missing_seeds_are_those_that_another_row_has(make_record) -> None:
    records = [make_record("ce", seed=seed) for seed in (0, 1, 2)] + [make_record("ecm", seed=seed) for seed in (1, 5)]
    (rows,), _ = in_tables(map(Run, records))
    assert sorted(seed_problems(rows)) == [
        "made, fingerprint aaaaaaaaaaaa: ce lacks seed 5",
        "made, fingerprint aaaaaaaaaaaa: ecm lacks seed 0, 2",
    ]
    (rows,), _ = in_tables(map(Run, records[:3]))
    assert seed_problems(rows) == []


def test_only_verified_rows_with_all_seeds_pass(finished: Path, make_record, publish, tmp_path: Path) -> None:
    folder = tmp_path / "board"
    path = submit(finished, folder / "results")
    assert check_rows(folder) == []
    files_of(path).config.unlink()
    assert check_rows(folder) == [f"{path}: its fingerprint can't be recomputed without a config"]
    path.write_text(path.read_text(encoding="utf-8").replace('"epochs": 0', '"epochs": 1'), encoding="utf-8")
    (problem,) = check_rows(folder)
    assert problem.startswith(f"{path}: epochs: 1 is not what was sealed")
    problems = check_rows(publish(make_record("ce", seed=0), make_record("ecm", seed=1)))
    assert sum("unverified, it has no evidence" in problem for problem in problems) == 2
    assert sum("lacks seed" in problem for problem in problems) == 2


def test_records_to_be_added_are_judged_with_those_that_are_there(finished: Path, make_record, publish) -> None:
    folder = publish(make_record("ce"))
    before = state(folder)
    place = folder / "results" / record_path(read(finished / "result.json"))
    assert len(check_rows(folder)) == 1  # ce is unverified
    assert check_rows(folder, {place: finished / "result.json"}) == check_rows(folder)
    (old,) = (path for path in (folder / "results").rglob("*.json"))
    assert check_rows(folder, {old: finished / "result.json"}) == []  # in the place of ce
    later = folder / "later.json"
    write(make_record("ecm", seed=1), later)
    assert sum("lacks seed" in problem for problem in check_rows(folder, {folder / "results" / "x.json": later})) == 2
    later.unlink()
    assert state(folder) == before


def test_what_is_checked_is_what_is_written(make_record, publish) -> None:
    folder = publish(make_record("ce"))
    assert len(check_pages(folder)) == 2  # made.md and lvis_v1.md are missing
    pages, problems = regenerate(folder, published=True)
    assert problems == [] and len(pages) == 2
    assert check_pages(folder) == []


@pytest.mark.parametrize("line_end", ["\r\n", "\r"])
def test_line_ends_count(make_record, publish, line_end: str) -> None:
    folder = publish(make_record("ce"))
    regenerate(folder, published=True)
    page = folder / "made.md"
    page.write_bytes(page.read_bytes().replace(b"\n", line_end.encode()))
    assert any(str(page) in problem for problem in check_pages(folder))

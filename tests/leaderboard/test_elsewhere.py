"""Tables of predictions that were made elsewhere, and that no trained row stands in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_boards import made_board, rows_of
from made_elsewhere import elsewhere

from lt_bench.errors import UserError
from lt_bench.leaderboard import record_path, write
from lt_bench.leaderboard.check import check_rows
from lt_bench.leaderboard.comparison.arguments import Named
from lt_bench.leaderboard.comparison.gather import gather
from lt_bench.leaderboard.elsewhere import HEADING
from lt_bench.leaderboard.page import pages
from lt_bench.leaderboard.results import load_results
from lt_bench.leaderboard.store import evidence_path, read_all
from lt_bench.utils.files import write_atomic


def add_elsewhere(folder: Path, name: str, of: str, run: int = 0, **fields: object) -> Path:
    """Store a trained run's measurement once more, as that of predictions made elsewhere; returns its path."""
    found, _ = read_all(folder / "results")
    source, trained = next((path, record) for path, record in found if record.loss.name == of and record.seed == run)
    record = elsewhere(trained, name, seed=run, **fields)
    path = folder / "results" / record_path(record)
    write_atomic(evidence_path(path), [evidence_path(source).read_bytes()])
    write(record, path)
    return path


@pytest.fixture
def board(tmp_path: Path, make_record) -> Path:
    made_board(tmp_path, make_record, {"ce": (0.4, (0, 1)), "ecm": (0.6, (0, 1))})
    return tmp_path


def test_they_stand_in_a_table_of_their_own_at_the_end(board: Path) -> None:
    before = pages(board)[0][board / "made.md"]
    for run in (0, 1):
        add_elsewhere(board, "BAGS | r50", "ecm", run)
    add_elsewhere(board, "LOCE", "ce", elsewhere={"file": "p.json", "image_ids": "from-0", "category_ids": "from-1"})
    made, problems = pages(board)
    assert not problems
    page = made[board / "made.md"]
    trained, heading, own = page.partition(f"## {HEADING}")
    assert heading and "Nothing was trained here" in own
    note = next(part for part in trained.split("\n\n") if part.startswith("What is said above holds"))
    assert trained.replace(f"{note}\n\n", "").rstrip() == before.rstrip()  # the trained table is as it was
    lines = own.splitlines()
    header = next(line for line in lines if line.startswith("| predictions"))
    assert not any(word in header for word in ("rank", "training", "memory", "Δ", "loss"))
    cells = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in lines
        if line.startswith(("| BAGS", "| LOCE"))
    ]
    assert cells[0][0] == r"BAGS \| r50" and cells[0][-1] == "verified"
    assert rows_of(trained)["ecm"]["mask AP"] in cells[0]
    assert "1 (single run)" in cells[1]
    assert "p.json" in own and "unknown" not in own


def test_what_was_noted_when_they_were_measured_is_on_the_page(board: Path) -> None:
    note = "there are detections in 2 of 4 images; the other 2, <b>, count as images without a detection"
    for run in (0, 1):
        add_elsewhere(board, "theirs", "ecm", run, notes=[note])
    add_elsewhere(board, "others", "ce")
    page = pages(board)[0][board / "made.md"]
    (line,) = (line for line in page.splitlines() if "**note** on" in line)
    assert line.startswith("- **note** on theirs, run 0; theirs, run 1: there are detections in 2 of 4 images")
    assert "<b>" not in line


def test_a_page_of_these_alone_says_that_nothing_was_trained(board: Path) -> None:
    add_elsewhere(board, "theirs", "ecm")
    for path, record in read_all(board / "results")[0]:
        if record.elsewhere is None:
            path.unlink()
    page = pages(board)[0][board / "made.md"]
    assert "**Nothing was trained on this data set yet.**" in page
    assert page.count("\n| ") == 2 - 1 + 1  # header and one row


def test_the_same_predictions_twice_are_said(board: Path) -> None:
    add_elsewhere(board, "one", "ecm")
    add_elsewhere(board, "other", "ecm")
    assert "**the same predictions**: one, run 0; other, run 0" in pages(board)[0][board / "made.md"]


def test_they_need_neither_config_nor_the_seeds_of_others(board: Path) -> None:
    add_elsewhere(board, "one", "ecm", 0)
    add_elsewhere(board, "other", "ecm", 1)
    problems = [problem for problem in check_rows(board) if "elsewhere" in problem]
    assert not problems
    assert not any("lacks seed" in problem for problem in check_rows(board))


def test_they_are_compared_with_trained_runs_only_when_asked(board: Path) -> None:
    def named(path: Path) -> Named:
        return Named(path.stem, tuple((one, record) for one, record in read_all(board / "results")[0] if one == path))

    theirs, other = add_elsewhere(board, "theirs", "ecm"), add_elsewhere(board, "other", "ce")
    trained = next(path for path, record in read_all(board / "results")[0] if record.elsewhere is None)
    with pytest.raises(UserError, match=r"differ in more than the loss: .*training elsewhere and in full"):
        gather([named(theirs), named(trained)])
    _, notes = gather([named(theirs), named(trained)], across_tracks=True)
    assert any(note.startswith("ACROSS TRACKS") for note in notes)
    _, notes = gather([named(theirs), named(other)])
    assert any("how their models were trained is not known" in note for note in notes)


def test_load_results_tells_them_apart(board: Path) -> None:
    add_elsewhere(board, "theirs", "ecm")
    frame = load_results(board / "results")
    assert set(frame[frame.elsewhere].loss) == {"theirs"}
    assert set(frame[~frame.elsewhere].loss) == {"ce", "ecm"}
    assert set(frame[frame.elsewhere].detector) == {"unknown"}

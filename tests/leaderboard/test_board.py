"""From records and evidence to a page, with the images' bootstrap as it is. Runs are generated, nothing is trained."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from made_boards import made_board, made_run, rows_of

from lt_bench.evaluation.comparison import bootstrap
from lt_bench.leaderboard import regenerate
from lt_bench.leaderboard import standing as standing_module
from lt_bench.leaderboard.results import load_results
from lt_bench.leaderboard.store import evidence_path

LOSSES = {"ce": (0.4, (0, 1, 2)), "ecm": (0.7, (0, 1, 2)), "eql": (0.42, (0, 1, 2)), "focal": (0.3, (0,))}


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing_module, "RESAMPLES", 60)
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def board(tmp_path: Path, make_record) -> Path:
    return made_board(tmp_path / "board", make_record, LOSSES)


def page_of(folder: Path) -> str:
    (page,), problems = regenerate(folder)
    assert problems == []
    return page.read_text(encoding="utf-8")


def test_a_page_says_how_sure_each_difference_is(board: Path) -> None:
    text = page_of(board)
    rows = rows_of(text)
    frame = load_results(board / "results")
    ap = frame[(frame.kind == "segm") & (frame.metric == "AP")].groupby("loss").value
    for loss, values in ap:
        expected = f"{100 * values.mean():.2f}" + (f" ± {100 * values.std():.2f}" if len(values) > 1 else "")
        assert rows[loss]["mask AP"] == expected
    assert {loss: row["seeds"] for loss, row in rows.items()} == {
        "ce": "3",
        "ecm": "3",
        "eql": "3",
        "focal": "1 (single run)",
    }
    gap = ap.mean()["ecm"] - ap.mean()["ce"]
    ((value, low, high),) = re.findall(r"^(\S+) \[(\S+), (\S+)\]$", rows["ecm"]["Δ vs ce (95 %)"])
    assert value == f"{100 * gap:+.1f}"
    assert 0 < float(low) < 100 * gap < float(high)
    assert rows["focal"]["Δ vs ce (95 %)"].endswith(", interval unknown (n = 1)")
    assert {row["evidence"] for row in rows.values()} == {"verified"}
    assert "missing: focal 1, 2" in text


def test_the_same_files_give_the_same_bytes(board: Path, tmp_path: Path, make_record, monkeypatch) -> None:
    first = page_of(board)
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "another cache"))
    elsewhere = made_board(tmp_path / "elsewhere", make_record, dict(reversed(LOSSES.items())))
    assert page_of(elsewhere) == first


def test_nothing_is_computed_twice(board: Path, make_record, monkeypatch) -> None:
    resampled: list[tuple[object, ...]] = []
    whole = bootstrap.resampled_metrics

    def counted(*arguments, **options):
        resampled.append((*arguments[1:], *options.items()))
        return whole(*arguments, **options)

    monkeypatch.setattr(bootstrap, "resampled_metrics", counted)
    first = page_of(board)
    assert len(resampled) == 9  # not of the single run
    assert len(set(resampled)) == 1  # all get the same resamples
    assert page_of(board) == first
    assert len(resampled) == 9
    made_run(board, make_record, "eql", 0.42, 3)
    page_of(board)
    assert len(resampled) == 10


def change_ap(record: Path) -> None:
    content = json.loads(record.read_text())
    content["metrics"]["segm"]["AP"] += 0.1
    record.write_text(json.dumps(content))


def damage(record: Path) -> None:
    path = evidence_path(record)
    path.write_bytes(path.read_bytes()[:-100])


def other_evidence(record: Path) -> None:
    other = next(path for path in record.parent.glob("*.json") if path != record)
    evidence_path(record).write_bytes(evidence_path(other).read_bytes())


def without_evidence(record: Path) -> None:
    evidence_path(record).unlink()


@pytest.mark.parametrize("alter", [change_ap, damage, other_evidence, without_evidence])
@pytest.mark.parametrize("seen_before", [False, True])
def test_a_run_that_its_evidence_does_not_bear_out_is_unverified(board: Path, alter, seen_before) -> None:
    if seen_before:
        page_of(board)
    record = next((board / "results").rglob("ecm_seed1_*.json"))
    alter(record)
    rows = rows_of(page_of(board))
    assert rows["ecm"]["evidence"] == "2 of 3 verified"
    assert rows["ecm"]["Δ vs ce (95 %)"].endswith("(seeds only)")
    assert rows["ecm"]["rank"] == "1-4"
    assert rows["eql"]["Δ vs ce (95 %)"].endswith("]")


def test_records_without_any_evidence_stay_and_are_marked(board: Path) -> None:
    for path in (board / "results").rglob("*.parquet"):
        path.unlink()
    rows = rows_of(page_of(board))
    assert {row["evidence"] for row in rows.values()} == {"unverified"}
    assert {row["rank"] for row in rows.values()} == {"1-4"}
    assert pd.Series(rows["eql"])["Δ vs ce (95 %)"].endswith("(seeds only)")


def test_nothing_is_said_across_evidence_of_other_objects(board: Path, make_record) -> None:
    """One image's object is elsewhere; each run verifies by itself."""
    for seed in range(2):
        made_run(board, make_record, "mine", 0.6, seed, moved=seed == 1)
    (page,), (problem,) = regenerate(board)
    rows = rows_of(page.read_text(encoding="utf-8"))
    assert "mine, seed 1: its evidence is left out" in problem
    assert rows["mine"]["evidence"] == "1 of 2 verified" and rows["mine"]["rank"] == "1-5"
    assert rows["mine"]["Δ vs ce (95 %)"].endswith("(seeds only)")
    assert rows["ecm"]["Δ vs ce (95 %)"].endswith("]")

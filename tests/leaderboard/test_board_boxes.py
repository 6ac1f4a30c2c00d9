"""A page of decoupled tracks, measured by boxes, alone and beside training in full. Nothing is trained."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from made_boards import made_board, made_run, rows_of
from record_values import DECOUPLED, FEATURES, boxes_alone, errors, metrics

from lt_bench.cli import main
from lt_bench.evaluation.evidence.file import read_evidence
from lt_bench.evaluation.evidence.precision import evidence_metrics
from lt_bench.leaderboard import read, regenerate
from lt_bench.leaderboard import standing as standing_module
from lt_bench.leaderboard.check import check_rows
from lt_bench.leaderboard.over_seeds import seeds_table
from lt_bench.leaderboard.results import load_results
from lt_bench.leaderboard.store import evidence_path

SEEDS = (0, 1, 2)
QUALITY = {"ce": 0.4, "ecm": 0.7, "eql": 0.42, "eqlv2": 0.5, "federated": 0.45, "focal": 0.3, "seesaw": 0.65}
HEADING = "## decoupled, features of ce\\_seed0\\_0123abcd, recipe common, mask\\_rcnn r50 (fingerprint aaaaaaaaaaaa)"
NOTHING = re.compile(r"\bNone\b|\b[nN]a[nN]\b|-1\.00|-100")


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing_module, "RESAMPLES", 60)
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def board(tmp_path: Path, make_record: Any) -> Path:
    """Seven losses, three seeds each."""
    losses = {loss: (quality, SEEDS) for loss, quality in QUALITY.items()}
    init = {"kind": "pretrained", "description": "weights 0123abcd"}
    return made_board(tmp_path / "board", make_record, losses, masks=False, track=DECOUPLED, init=init)


def page_of(folder: Path) -> str:
    page, problems = folder / "made.md", regenerate(folder, published=True)[1]
    assert problems == []
    return page.read_text(encoding="utf-8")


def box_ap(folder: Path, loss: str, metric: str) -> list[float]:
    """Of each seed, from the evidence."""
    paths = sorted((folder / "results").rglob(f"{loss}_seed*.json"))
    return [evidence_metrics(read_evidence(evidence_path(path)), "bbox")[0][metric] for path in paths]


def test_a_page_of_boxes(board: Path) -> None:
    text = page_of(board)
    assert [line for line in text.splitlines() if line.startswith("## ")] == [HEADING]
    assert "APr, APc, APf, AP50 and AP75 are of boxes" in text and "the places by box AP that" in text
    assert "**Decoupled:** the classifier alone was trained" in text and "AP is of boxes." in text
    assert "- classifier: recipe common; 360 iterations; training time" in text
    assert "- detector: mask\\_rcnn r50, trained before (weights 0123abcd)" in text
    assert "or the order after training in full" in text
    assert not NOTHING.search(text) and "mask AP" not in text and "of masks" not in text
    rows = rows_of(text)
    assert list(next(iter(rows.values())))[3:9] == ["box AP", "APr", "APc", "APf", "AP50", "AP75"]
    for loss, row in rows.items():
        for column, metric in (("box AP", "AP"), ("APr", "APr"), ("APc", "APc"), ("APf", "APf"), ("AP50", "AP50")):
            found = 100 * np.array(box_ap(board, loss, metric))
            assert row[column] == f"{found.mean():.2f} ± {found.std(ddof=1):.2f}"
        assert row["evidence"] == "verified"
    means = {loss: np.mean(box_ap(board, loss, "AP")) for loss in rows}
    assert list(rows) == sorted(means, key=lambda loss: -means[loss])
    assert rows["ecm"]["rank"].startswith("1") and rows["focal"]["rank"] == "7"
    low, high = map(float, re.findall(r"\[(\S+), (\S+)\]", rows["ecm"]["Δ vs ce (95 %)"])[0])
    assert 0 < low < 100 * (means["ecm"] - means["ce"]) < high


def test_check_and_strict_take_it_and_find_what_is_altered(board: Path) -> None:
    def checked() -> Any:
        return CliRunner().invoke(main, ["leaderboard", "--folder", str(board), "--check"])

    CliRunner().invoke(main, ["leaderboard", "--folder", str(board)])
    assert checked().exit_code == 0, checked().output
    problems = check_rows(board)
    assert len(problems) == len(QUALITY) * len(SEEDS)
    assert all(problem.endswith("its fingerprint can't be recomputed without a config") for problem in problems)
    path = next((board / "results").rglob("ecm_seed1_*.json"))
    content = json.loads(path.read_text(encoding="utf-8"))
    content["metrics"]["bbox"]["APr"] += 0.01
    path.write_text(json.dumps(content), encoding="utf-8")
    assert checked().exit_code == 1
    assert rows_of(page_of(board))["ecm"]["evidence"] == "2 of 3 verified"
    assert any("metrics.bbox.APr" in problem for problem in check_rows(board))


def test_decoupled_and_in_full_on_one_page(board: Path, make_record: Any) -> None:
    made_board(board, make_record, {loss: (QUALITY[loss], SEEDS) for loss in ("ce", "ecm")}, fingerprint="b" * 64)
    text = page_of(board)
    first, second = text.split("\n## ")[1:]
    assert first.startswith("mask\\_rcnn r50 1x, recipe common (fingerprint bbbbbbbbbbbb)")
    assert re.search(r"\| +mask AP \|", first) and "**Decoupled" not in first
    assert second.startswith(HEADING[3:]) and "mask AP" not in second and re.search(r"\| +box AP \|", second)
    assert "APr, APc, APf, AP50 and AP75 are of masks where a table has mask AP, else of boxes" in text
    assert "places by main AP (mask AP, or box AP where a table has no masks)" in text
    assert 'In the tables that are headed "decoupled" the classifier alone was trained' in text
    assert not NOTHING.search(text)
    assert len(rows_of("|" + second.partition("\n|")[2])) == len(QUALITY)


def test_features_and_kinds_keep_tables_apart(tmp_path: Path, make_record: Any) -> None:
    folder = tmp_path / "board"
    for number, name in enumerate((FEATURES, "ecm_seed1_4567cdef")):
        track = {**DECOUPLED, "features": name}
        made_board(folder, make_record, {"ce": (0.4, (number,))}, masks=False, track=track)
    made_run(folder, make_record, "ecm", 0.5, 0, track=DECOUPLED)  # with masks, and yet of the same fingerprint
    text = page_of(folder)
    assert len(re.findall(r"^## decoupled", text, re.MULTILINE)) == 3
    assert len(re.findall(r"\| +mask AP \|", text)) == text.count("detector's own mask head") == 1
    folders = {path.parent.name for path in (folder / "results").rglob("*.json")}
    assert folders == {f"decoupled_mask_rcnn_r50_common_{name}" for name in (FEATURES, "ecm_seed1_4567cdef")}


def test_further_metrics_are_of_boxes_too(tmp_path: Path, make_record: Any) -> None:
    further = {"ap_fixed": {"bbox": metrics(0.375)}, "errors": boxes_alone(errors())}
    path = made_run(tmp_path, make_record, "ce", 0.4, 0, masks=False, track=DECOUPLED, **further)
    text = page_of(tmp_path)
    assert "**ΔAP50 of boxes by kind of error" in text
    assert re.search(r"\| *box AP_fixed \| *APr \| *APc \| *APf \|\n", text) and "37.50" in text
    frame = load_results(tmp_path / "results")
    assert set(frame.kind) == {"bbox"} and set(frame.features) == {FEATURES} and frame.value.notna().all()
    assert "mask" not in seeds_table([read(path)])

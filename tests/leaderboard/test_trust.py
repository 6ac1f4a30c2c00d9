"""What a decoupled table says of orders from training in full: numbers set by hand, tau from scipy."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from made_boards import made_board
from record_values import DECOUPLED, boxes_alone, metrics
from scipy.stats import kendalltau

from lt_bench.leaderboard import ResultRecord, regenerate
from lt_bench.leaderboard import standing as standing_module
from lt_bench.leaderboard.introduction import introduction
from lt_bench.leaderboard.rows import Run
from lt_bench.leaderboard.tables import Table, tables
from lt_bench.leaderboard.trust import trust

DECOUPLED_AP = {"ce": 0.1, "ecm": 0.2, "eql": 0.3, "focal": 0.4, "seesaw": 0.5}
IN_FULL_AP = {"ce": 0.2, "ecm": 0.1, "eql": 0.3, "focal": 0.5, "seesaw": 0.4}
IN_FULL_APR = {"ce": 0.5, "ecm": 0.4, "eql": 0.3, "focal": 0.2, "seesaw": 0.05}
Make = Callable[..., list[Run]]


@pytest.fixture
def runs(make_record: Any) -> Make:
    """One run for each loss, with these box APs; masks have the reverse order."""

    def make(ap: Mapping[str, float], apr: Mapping[str, float] | None = None, decoupled: bool = False, **fields: Any):
        found = []
        for loss, value in ap.items():
            box = metrics(value, APr=(apr or ap)[loss])
            record = make_record(loss, metrics={"bbox": box, "segm": metrics(1 - value)}, **fields)
            if decoupled:
                content = {**record.model_dump(exclude_none=True), "track": DECOUPLED}
                record = ResultRecord.model_validate(boxes_alone(content))
            found.append(Run(record))
        return found

    return make


def paragraphs(*groups: list[Run]) -> list[str]:
    """Of the tables of a page, those of the decoupled ones first."""
    page, problems = tables(run for group in groups for run in group)
    assert problems == []
    return [part for table in sorted(page, key=lambda table: not table.decoupled) for part in trust(table, page)]


def taus(text: str) -> list[tuple[str, str]]:
    return re.findall(r"(-?\d\.\d\d) in (box AP|APr)", text)


def test_tau_is_that_of_the_box_ap_of_the_losses_that_both_have(runs: Make) -> None:
    in_full = runs(IN_FULL_AP, IN_FULL_APR)
    (text,) = paragraphs(runs(DECOUPLED_AP, decoupled=True), in_full)
    names = list(DECOUPLED_AP)
    expected = [
        kendalltau([DECOUPLED_AP[x] for x in names], [of[x] for x in names])[0] for of in (IN_FULL_AP, IN_FULL_APR)
    ]
    assert taus(text) == [(f"{expected[0]:.2f}", "box AP"), (f"{expected[1]:.2f}", "APr")]
    assert expected == pytest.approx([0.6, -1])
    assert "5 losses stand" in text and "mask\\_rcnn r50 1x, recipe common" in text
    assert "5 of the 6 losses" in paragraphs(runs({**DECOUPLED_AP, "own": 0.25}, decoupled=True), in_full)[0]


def test_each_table_of_training_in_full_has_its_sentence(runs: Make) -> None:
    other = runs(DECOUPLED_AP, fingerprint="0123456789ab" + "f" * 52)
    (text,) = paragraphs(runs(DECOUPLED_AP, decoupled=True), runs(IN_FULL_AP), other)
    assert text.count("Trained in full on the same data") == 2 and text.count("Tau is 1 for the same") == 1
    assert [value for value, _ in taus(text)] == ["1.00", "1.00", "0.60", "0.60"]  # in the order of the page


def test_without_four_losses_on_the_same_data_nothing_was_compared(runs: Make, make_record: Any) -> None:
    own = runs(DECOUPLED_AP, decoupled=True)
    three = {loss: IN_FULL_AP[loss] for loss in ("ce", "ecm", "eql")}
    data = make_record().data.model_dump()
    others = [
        [],
        runs(three),
        runs(IN_FULL_AP, data={**data, "val_annotations": "d" * 64}),
        runs(IN_FULL_AP, data={**data, "train_images": 239}),
        [run._replace(record=with_parameter(run.record)) for run in runs(IN_FULL_AP)],
    ]
    for in_full in others:
        (text,) = paragraphs(own, in_full)
        assert "nothing was compared here" in text and "docs/study.md" in text and not taus(text)


def with_parameter(record: ResultRecord) -> ResultRecord:
    """Another loss of the same name."""
    loss = record.loss.model_copy(update={"hyper_parameters": {"p": 0.5}})
    return record.model_copy(update={"loss": loss})


def test_only_a_decoupled_table_of_several_losses_says_it(runs: Make) -> None:
    assert paragraphs(runs(DECOUPLED_AP)) == []
    assert paragraphs(runs({"ce": 0.1}, decoupled=True), runs(IN_FULL_AP)) == []


def test_where_one_run_of_each_is_all_there_is_any_tau_is_possible(runs: Make) -> None:
    (text,) = paragraphs(runs(DECOUPLED_AP, decoupled=True), runs(IN_FULL_AP))
    assert "0.60 in box AP [-1.00, 1.00]" in text


def test_what_is_not_there_or_the_same_everywhere_has_no_tau(runs: Make) -> None:
    (text,) = paragraphs(runs(DECOUPLED_AP, decoupled=True), runs(IN_FULL_AP, dict.fromkeys(IN_FULL_AP, -1.0)))
    assert "and unknown in APr." in text and len(taus(text)) == 1


@pytest.fixture
def clear(tmp_path: Path, make_record: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """The page of four losses that are far apart, in both tables in the same order, with evidence."""
    monkeypatch.setattr(standing_module, "RESAMPLES", 60)
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))
    seeds = (0, 1, 2)
    losses = {"ce": (0.1, seeds), "ecm": (0.4, seeds), "eql": (0.65, seeds), "focal": (0.95, seeds)}
    made_board(tmp_path, make_record, losses, masks=False, track=DECOUPLED)
    made_board(tmp_path, make_record, losses)
    (page, _), problems = regenerate(tmp_path, published=True)
    assert problems == []
    return page.read_text(encoding="utf-8")


def test_where_every_pair_is_significant_no_other_tau_is_possible(clear: str) -> None:
    assert clear.count("4 losses stand in an order whose Kendall's tau") == 1
    assert "1.00 in box AP [1.00, 1.00]" in clear


def test_a_metric_of_too_few_images_has_no_interval(runs: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    page, _ = tables([*runs(DECOUPLED_AP, decoupled=True), *runs(IN_FULL_AP)])
    table: Table = next(one for one in page if one.decoupled)
    table.standing.doubts["APr"] = "few"  # type: ignore[index]
    (text,) = trust(table, page)
    assert "0.60 in APr (too few images for an interval)" in text and "in box AP [" in text


def test_pages_of_glyphs_claim_nothing_of_lvis(runs: Make) -> None:
    page, _ = tables(runs(DECOUPLED_AP, decoupled=True))
    for name in ("glyphs", "glyphs-lt"):
        text = " ".join(introduction(name, page))
        assert "says nothing about" not in text and "docs/study.md" in text

"""Runs with one recipe's sampler and the other's classifier, and what the page says of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from study_records import FEATURES, SKILLS, write_track

from benchmarks.study.crossed import planner, run_crossed, says
from benchmarks.study.crossed_page import COMMON, NORMED, PLAIN, REPEATED, crossed, parts_of, turned
from benchmarks.study.load import best_runs, tracks
from benchmarks.study.sentences import change
from lt_bench.evaluation.comparison.total import difference
from lt_bench.features.store import FeatureSet
from lt_bench.leaderboard.store import read_all
from lt_bench.leaderboard.verify import verify
from lt_bench.probe.plan import Planner
from lt_bench.probe.settings import Settings


def test_each_has_one_part_of_each_recipe(features: FeatureSet) -> None:
    plain, common = (Planner(features, Settings(recipe)).recipe.probe for recipe in ("plain", "common"))
    assert plain["classifier"]["type"] == "Linear" and plain["sampler"]["repeat_factor"] is None
    assert common["classifier"]["type"] == "NormedLinear" and common["sampler"]["repeat_factor"] is not None
    repeated, normed = (planner(features, sampler).recipe.probe for sampler in ("common", "plain"))
    assert (repeated["classifier"], repeated["sampler"]) == (plain["classifier"], common["sampler"])
    assert (normed["classifier"], normed["sampler"]) == (common["classifier"], plain["sampler"])
    for part in ("optimizer", "schedule", "test", "features"):
        assert repeated[part] == normed[part] == common[part] == plain[part]


def test_the_page_says_what_each_of_the_two_does(tmp_path: Path) -> None:
    results, own = tmp_path / "results", tmp_path / "study"
    write_track(results, "plain", FEATURES)
    write_track(results, "common", FEATURES, SKILLS | {"ce": 0.7})  # ahead of eqlv2 and seesaw
    normed = SKILLS | {"ce": 0.48}  # ahead of seesaw alone
    kept, seeds = own / "crossed", (0, 1)
    write_track(kept, "plain", FEATURES, normed, seeds, fingerprint="a" * 64, overrides=[says("common")])
    write_track(kept, "common", FEATURES, SKILLS, seeds, fingerprint="b" * 64, overrides=[says("plain")])

    (found,) = crossed(own, tracks(results)[0])
    assert found.losses[:2] == ["ecm", "ce"]
    assert all(one.seeds == (0, 1) for runs in found.runs.values() for one in runs.values())
    records = [record for _, record in read_all(own / "crossed")[0]]
    of_ce = [one for one in records if (one.loss.name, one.track.recipe) == ("ce", "plain")]
    mean = np.mean([one.metrics.of("bbox").AP for one in of_ce])
    assert found.mean(NORMED, "ce", "AP") == pytest.approx(mean)
    said = turned(found, "AP")
    assert said.startswith("AP: 2 pairs of means lie one way in plain and the other in common")
    assert "normalised classifier alone 1 (ce > seesaw)" in said and "repeat factors alone 0." in said

    text = "\n".join(parts_of(found))
    lift = difference(found.runs[PLAIN]["ce"], found.runs[COMMON]["ce"], "APr")
    assert (
        lift.total is not None and lift.value > 0.1
    )  # by the normalised classifier, after repeat factors had done nothing
    rest = difference(found.runs[REPEATED]["ce"], found.runs[COMMON]["ce"], "APr")
    assert f"with repeat factors: ce's APr {change(rest)}, APc" in text
    assert "Repeat factors, with the linear classifier: ce's APr 0.0 [0.0, 0.0]" in text
    assert f"{100 * found.mean(COMMON, 'ce', 'AP'):.1f} / " in text


def test_without_runs_there_is_no_section(tmp_path: Path) -> None:
    write_track(tmp_path / "results", "plain", FEATURES)
    write_track(tmp_path / "results", "common", FEATURES)
    assert crossed(tmp_path / "study", tracks(tmp_path / "results")[0]) == []


@pytest.mark.extra
def test_runs_are_kept_with_evidence_and_not_repeated(features: FeatureSet, tmp_path: Path) -> None:
    run_crossed(features, ("ce",), (0,), tmp_path / "work", tmp_path / "out", 2, "fork")
    kept = {path: path.read_bytes() for path in (tmp_path / "out" / "crossed").rglob("*.json")}
    assert len(kept) == 2
    for path in kept:
        found = verify(path)
        assert (found.status, found.problems) == ("verified", ()) and "config" in found.checked
    runs = best_runs(tmp_path / "out" / "crossed")
    assert {tuple(run.record.overrides) for run in runs} == {(says("plain"),), (says("common"),)}
    run_crossed(features, ("ce",), (0,), tmp_path / "work", tmp_path / "out", 2, "fork")
    assert {path: path.read_bytes() for path in kept} == kept

"""Runs with one recipe's sampler and the other's classifier, and what the page says of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from study_records import FEATURES, SKILLS, write_track

from benchmarks.study.crossed import RANDOM_NORMED, RFS_LINEAR, planner, run_crossed
from benchmarks.study.crossed_page import crossed, parts_of, turned
from benchmarks.study.load import tracks
from benchmarks.study.rows import Row, crossed_path, read_rows, write_rows
from lt_bench.features.store import FeatureSet
from lt_bench.probe.plan import Planner
from lt_bench.probe.settings import Settings


def test_each_has_one_part_of_each_recipe(features: FeatureSet) -> None:
    plain, common = (Planner(features, Settings(recipe)).recipe.probe for recipe in ("plain", "common"))
    made = {kind: planner(features, kind).recipe.probe for kind in (RFS_LINEAR, RANDOM_NORMED)}
    assert plain["classifier"]["type"] == "Linear" and plain["sampler"]["repeat_factor"] is None
    assert common["classifier"]["type"] == "NormedLinear" and common["sampler"]["repeat_factor"] is not None
    assert made[RFS_LINEAR]["classifier"] == plain["classifier"]
    assert made[RFS_LINEAR]["sampler"] == common["sampler"]
    assert made[RANDOM_NORMED]["classifier"] == common["classifier"]
    assert made[RANDOM_NORMED]["sampler"] == plain["sampler"]
    for part in ("optimizer", "schedule", "test", "features"):
        assert made[RFS_LINEAR][part] == made[RANDOM_NORMED][part] == common[part] == plain[part]


def row(kind: str, loss: str, seed: int, ap: float) -> Row:
    head = ("glyphs-lt", FEATURES, kind, "val", loss, 0.02, 2000, 5.0, seed)
    return Row(*head, ap, ap / 2, ap, ap, "1" * 16, "2" * 16)


def test_the_page_says_which_of_the_two_turns_a_pair(tmp_path: Path) -> None:
    write_track(tmp_path / "results", "plain", FEATURES)
    write_track(tmp_path / "results", "common", FEATURES, SKILLS | {"ce": 0.7})  # ahead of eqlv2 and seesaw
    own = tmp_path / "study"
    of = {RANDOM_NORMED: {"ce": 0.45, "ecm": 0.8, "eqlv2": 0.5, "seesaw": 0.4}, RFS_LINEAR: SKILLS}
    rows = [
        row(kind, loss, seed, ap + seed / 100)
        for kind, values in of.items()
        for loss, ap in values.items()
        for seed in (0, 1)
    ]
    write_rows(crossed_path(own, FEATURES), rows)
    found = crossed(own, tracks(tmp_path / "results")[0])
    assert len(found) == 1 and found[0].seeds == (0, 1) and found[0].losses[:2] == ["ecm", "ce"]
    assert found[0].values[RANDOM_NORMED]["ce"]["AP"] == pytest.approx(0.455)
    said = turned(found[0], "AP")
    assert said.startswith("AP: 2 pairs of means lie one way in plain and the other in common")
    assert "normalised classifier alone 1 (ce > seesaw)" in said and "repeat factors alone 0." in said
    assert any("| ce " in part and "45.5 / 22.8" in part for part in parts_of(found[0]))


def test_without_runs_there_is_no_section(tmp_path: Path) -> None:
    write_track(tmp_path / "results", "plain", FEATURES)
    write_track(tmp_path / "results", "common", FEATURES)
    assert crossed(tmp_path / "study", tracks(tmp_path / "results")[0]) == []


@pytest.mark.extra
def test_runs_are_kept_as_rows_and_not_repeated(features: FeatureSet, tmp_path: Path) -> None:
    run_crossed(features, ("ce",), (0,), tmp_path / "work", tmp_path / "out", 2, "fork")
    path = crossed_path(tmp_path / "out", features.manifest.name)
    rows = read_rows(path)
    assert [(one.recipe, one.loss) for one in rows] == [(RANDOM_NORMED, "ce"), (RFS_LINEAR, "ce")]
    assert rows[0].predictions != rows[1].predictions and rows[0].identity != rows[1].identity
    before = path.read_bytes()
    run_crossed(features, ("ce",), (0,), tmp_path / "work", tmp_path / "out", 2, "fork")
    assert path.read_bytes() == before

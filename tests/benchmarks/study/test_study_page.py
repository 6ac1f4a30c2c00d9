"""The page follows from the records: what agrees is said to agree, what is missing is named."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats
from study_records import FEATURES, SECOND, SKILLS, write_track

from benchmarks.study.__main__ import main, study
from benchmarks.study.agreements import by_chance, compare_tracks
from benchmarks.study.load import Track, tracks
from benchmarks.study.reported import reported
from benchmarks.study.roles import (
    BOX_MASK,
    DECOUPLED_FULL,
    DETECTORS,
    PUBLISHED,
    RECIPES,
    main_features,
    missing,
    sections,
)
from benchmarks.study.sentences import prediction, tail_sentences, verdict
from benchmarks.study.tables import at_a_glance
from benchmarks.study.tail import own_value
from benchmarks.study.tail import tails as tails_of
from lt_bench.leaderboard.dumped_config import config_text
from lt_bench.leaderboard.files import beside

TURNED = {"ce": 0.8, "ecm": 0.25, "eqlv2": 0.4, "seesaw": 0.55}


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("board") / "results"
    write_track(results, "plain", FEATURES)
    write_track(results, "common", FEATURES, {loss: skill + 0.1 for loss, skill in SKILLS.items()})
    write_track(results, "plain", SECOND, TURNED)
    write_track(results, "plain", None, seeds=(0,), overrides=["--max-iters 600"])
    write_track(results, "plain", FEATURES, {"ce": 0.9}, fingerprint="e" * 64)
    write_track(results, "plain", FEATURES, {"ecm": 0.1}, fingerprint="d" * 64, overrides=["--steps 5"])
    return results


@pytest.fixture
def found(board: Path) -> dict[tuple[str, str | None], Track]:
    return {(track.recipe, track.features): track for track in tracks(board)[0]}


def test_a_track_is_its_largest_table_without_what_was_changed(board: Path) -> None:
    found, left_out = tracks(board)
    assert len(found) == 4 and all(list(track.rows) == sorted(SKILLS) for track in found)
    assert any("3 runs of a classifier alone in which the recipe was changed" in line for line in left_out)
    assert any("3 runs with fingerprint eeee" in line for line in left_out)
    assert main_features(found, "glyphs-lt") == FEATURES


def test_the_same_order_agrees_and_its_reverse_contradicts(found: dict[tuple[str, str | None], Track]) -> None:
    plain, other = found["plain", FEATURES], found["common", FEATURES]
    one = compare_tracks(plain, other, "AP")
    assert one is not None and one.agreement.tau == 1 and len(one.pairs.same) == one.pairs.total == 6
    assert one.agreement.bounds is not None and one.agreement.bounds.low == 1
    assert verdict(one) == "on the whole they agree: tau is at least 1.00, however the close pairs lie"
    assert prediction(one).endswith("6 lie the same way in the second's means.")
    turned = compare_tracks(plain, found["plain", SECOND], "AP")
    assert turned is not None and turned.agreement.tau == -1 and len(turned.pairs.opposite) == 6
    assert verdict(turned).startswith("0 same way round, 6 reversed for sure (ecm > ce, ") and not turned.pairs.kept


def test_pairs_are_those_whose_means_differ(found: dict[tuple[str, str | None], Track]) -> None:
    one = compare_tracks(found["plain", FEATURES], found["plain", SECOND], "AP")
    assert one is not None
    means = [
        {
            name: float(np.mean([record.metrics.of("bbox").AP for record in row.records]))
            for name, row in track.rows.items()
        }
        for track in (found["plain", FEATURES], found["plain", SECOND])
    ]
    for side, pairs in zip(means, (one.pairs.first, one.pairs.second), strict=True):
        assert pairs and all(side[better] > side[worse] for better, worse in pairs)
    signs = [np.sign([side[a] - side[b] for a, b in combinations(sorted(side), 2)]) for side in means]
    assert one.agreement.tau == pytest.approx(float((signs[0] * signs[1]).mean()))


def test_a_classifier_whose_boxes_have_masks_stands_beside_what_has_masks(board: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    for recipe, features, masks in (("plain", FEATURES, False), ("plain", FEATURES, True), ("plain", None, True)):
        given = ["--masks"] if masks and features is not None else []
        fingerprint = ("e" if masks else "f") * 64
        write_track(results, recipe, features, masks=masks, fingerprint=fingerprint, schema_version=4, overrides=given)
    found, left_out = tracks(results)
    assert len(found) == 3 and not left_out
    asked = {section.heading: [(one.first, one.second) for one in section.comparisons] for section in sections(found)}
    boxes, masks_of_boxes = "glyphs-lt plain, decoupled (ce_0)", "glyphs-lt plain, decoupled with masks (ce_0)"
    full = "glyphs-lt plain, full"
    assert set(asked[DECOUPLED_FULL]) == {(boxes, full), (f"{masks_of_boxes}, mask", f"{full}, mask")}
    assert (f"{masks_of_boxes}, box", "the same runs, mask") in asked[BOX_MASK]
    assert not asked[DETECTORS] and not asked[RECIPES] and not tails_of(found)


def test_a_single_run_gives_no_interval_but_a_chance(found: dict[tuple[str, str | None], Track]) -> None:
    one = compare_tracks(found["plain", FEATURES], found["plain", None], "AP")
    assert one is not None and one.single and one.agreement.seeds is None
    assert one.chance == pytest.approx(1 / 24) and verdict(one).startswith("an order has one run of a loss")


def test_chance_counts_all_orders() -> None:
    rng = np.random.default_rng(3)
    for _ in range(4):
        first, second = rng.normal(size=(2, 6))
        expected = stats.kendalltau(first, second, alternative="greater", method="exact").pvalue
        assert by_chance(list(first), list(second)) == pytest.approx(expected)
    assert by_chance([1.0, 2.0], [1.0, 1.0]) is None


def test_all_questions_are_asked_and_what_is_missing_is_named(board: Path, tmp_path: Path) -> None:
    made = study(board, tmp_path)
    asked = {section.heading: len(section.comparisons) for section in made.sections}
    assert asked == {DECOUPLED_FULL: 4, DETECTORS: 2, RECIPES: 2, PUBLISHED: 5, BOX_MASK: 2}
    (recipes,) = [section for section in made.sections if section.heading == RECIPES]
    assert {(one.first.split(",")[0], one.second.split(",")[0]) for one in recipes.comparisons} == {
        ("glyphs-lt plain", "glyphs-lt common")
    }
    assert missing(made.tracks)[:2] == [
        "full training on glyphs with the recipe common",
        "decoupled training on glyphs with the recipe common",
    ]
    assert (
        "features of a second detector" not in made.missing
        and "the grid on held-out images of glyphs-lt, plain" in made.missing
    )
    glance = at_a_glance(made.sections).splitlines()
    assert len(glance) == 2 + sum(one.metric == "AP" for section in made.sections for one in section.comparisons)
    assert any("2 losses come in the same order by chance in 1 of 2 cases" in line for line in glance)


def test_only_rows_with_the_recipes_settings_are_reported() -> None:
    assert reported("plain", "1x", "AP").values == {"ce": 16.1, "eql": 18.6, "eqlv2": 23.7}
    assert reported("plain", "1x", "APr").values == {"ce": 0.0, "eql": 2.1, "eqlv2": 14.9}
    assert reported("common", "1x", "AP").values == {"ecm": 26.4}
    assert reported("common", "2x", "AP").values == {"seesaw": 26.8, "ecm": 27.5}


def test_the_tail_is_told_with_intervals(found: dict[tuple[str, str | None], Track]) -> None:
    (one,) = tails_of(list(found.values()))
    plain, common = (
        np.array([record.metrics.of("bbox").APr for record in found[recipe, FEATURES].rows["ce"].records])
        for recipe in ("plain", "common")
    )
    rise = one.changes["ce"]["APr"]
    assert rise.value == pytest.approx(float(common.mean() - plain.mean())) and rise.total is not None
    assert one.plain["APr"].value == pytest.approx(float(plain.mean()))
    half = stats.t.ppf(0.975, 2) * plain.std(ddof=1) / 3**0.5
    seeds = own_value(found["plain", FEATURES].runs(losses=["ce"])[0], "APr").seeds
    assert seeds is not None and seeds.high - seeds.low == pytest.approx(2 * half)
    word = "lift" if rise.total.low > 0 else "do not certainly change"
    assert f"together {word} ce's APr" in tail_sentences(one)[1]
    alone = tail_sentences(replace(one, repeats=False))[1]
    assert alone.startswith("Repeat factors repeat no image here; the normalised classifier alone")


def test_whether_images_are_repeated_is_read_from_the_config(found: dict[tuple[str, str | None], Track]) -> None:
    track = found["common", FEATURES]
    assert track.repeats_images() is None  # no config lies there
    run = track.rows["ce"].runs[0]
    assert run.evidence is not None
    config = beside(run.evidence).config
    try:
        for rarest, repeats in ((5, True), (10, False)):
            loss = {"image_count": [rarest, 40], "num_images": 100}
            content = {"probe": {"sampler": {"repeat_factor": 0.1}}, "loss": loss}
            config.write_text(config_text(content), encoding="utf-8")
            assert track.repeats_images() is repeats
    finally:
        config.unlink()


def test_the_page_is_the_same_every_time_and_holds_the_conclusions(board: Path, tmp_path: Path) -> None:
    pages = []
    for name in ("one", "other"):
        docs = tmp_path / name
        docs.mkdir()
        (docs / "study_conclusions.md").write_text("By hand.\n", encoding="utf-8")
        done = CliRunner().invoke(main, ["--results", str(board), "--study", str(tmp_path), "--docs", str(docs)])
        assert done.exit_code == 0, done.output
        pages.append((docs / "study.md").read_text(encoding="utf-8") + (docs / "study.json").read_text())
    assert pages[0] == pages[1]
    assert "## What follows\n\nBy hand.\n" in pages[0]
    check = ["--results", str(board), "--study", str(tmp_path), "--docs", str(docs), "--check"]
    assert CliRunner().invoke(main, check).exit_code == 0
    (docs / "study_conclusions.md").write_text("Otherwise.\n", encoding="utf-8")
    assert "| 10 (--max-iters 600) |" in pages[0]
    done = CliRunner().invoke(main, check)
    assert done.exit_code == 1 and "study.md is not what the records give" in done.output


def test_without_records_everything_is_missing(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["--results", str(tmp_path), "--study", str(tmp_path), "--docs", str(tmp_path)])
    assert done.exit_code == 0 and "No two orders are there yet." in done.output
    assert "**Missing**" in (tmp_path / "study.md").read_text(encoding="utf-8")

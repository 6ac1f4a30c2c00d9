"""The verb `compare`: the numbers of a pair, held against numpy and scipy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from compare_cases import RESAMPLES, SKILLS, as_json, compare, differences, records, values
from made_runs import made_record, made_run
from scipy import stats

from lt_bench.evaluation.comparison.bootstrap import resampled_metrics
from lt_bench.evaluation.comparison.intervals import image_interval, widened, widenings
from lt_bench.evaluation.comparison.resampled_ap import COMPARED
from lt_bench.evaluation.evidence.file import write_evidence
from lt_bench.leaderboard.store import write


def test_means_and_seeds_are_those_of_the_records(runs: Path) -> None:
    content = as_json(runs / "ce", runs / "ecm")
    for loss in content["losses"]:
        for metric in COMPARED:
            expected = values(runs, loss["name"], metric)
            assert loss["metrics"][metric]["values"] == pytest.approx(expected, abs=1e-12)
            assert loss["metrics"][metric]["mean"] == pytest.approx(np.mean(expected), abs=1e-12)
            assert loss["metrics"][metric]["sd"] == pytest.approx(np.std(expected, ddof=1), abs=1e-12)
    found = differences(content)
    assert len(found) == len(COMPARED)
    for metric in COMPARED:
        one = found["ce", "ecm", metric]
        test = stats.ttest_rel(values(runs, "ecm", metric), values(runs, "ce", metric))
        low, high = test.confidence_interval(0.95)
        assert one["paired"] and (one["n_first"], one["n_second"]) == (3, 3)
        assert (one["seeds"]["low"], one["seeds"]["high"]) == pytest.approx((low, high), abs=1e-12)
        assert one["p_seeds"] == pytest.approx(test.pvalue)
        assert one["total"]["low"] < one["value"] < one["total"]["high"]


def test_images_interval_is_of_the_paired_bootstrap(runs: Path) -> None:
    """Both losses' means over their seeds in the same resamples, subtracted."""
    found = differences(as_json(runs / "ce", runs / "ecm", "--random-seed", 7))
    truth = made_run(0.5, 0)
    images = [len(set(truth.object_image[truth.object_category == k].tolist())) for k in range(len(truth.category_ids))]
    factors = widenings(np.array(images), truth.frequency)
    sides = [
        np.mean(
            [
                widened(resampled_metrics(made_run(SKILLS[loss], seed), "segm", RESAMPLES, 7), factors)
                for seed in range(3)
            ],
            axis=0,
        )
        for loss in ("ce", "ecm")
    ]
    for place, metric in enumerate(COMPARED):
        one = found["ce", "ecm", metric]
        expected = image_interval(one["value"], (sides[1] - sides[0])[:, place], 0.95)
        assert expected is not None
        assert (one["images"]["low"], one["images"]["high"]) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_order_of_the_losses_turns_the_sign(runs: Path) -> None:
    forward, back = as_json(runs / "ce", runs / "ecm"), as_json(runs / "ecm", runs / "ce")
    for metric in COMPARED:
        one, other = differences(forward)["ce", "ecm", metric], differences(back)["ecm", "ce", metric]
        assert one["value"] == pytest.approx(-other["value"])
        assert one["total"]["low"] == pytest.approx(-other["total"]["high"])
    assert differences(forward)["ce", "ecm", "AP"]["value"] > 0


def test_confidence_widens_and_names_the_level(runs: Path) -> None:
    wide = compare(runs / "ce", runs / "ecm", "--confidence", "0.99")
    assert "Intervals hold 99 %" in wide.stdout and "80 % power at 1 %" in wide.stdout
    narrow = differences(as_json(runs / "ce", runs / "ecm", "--confidence", "0.8"))["ce", "ecm", "AP"]
    default = differences(as_json(runs / "ce", runs / "ecm"))["ce", "ecm", "AP"]
    for name in ("images", "seeds", "total"):
        assert narrow[name]["high"] < default[name]["high"]


def test_t_test_over_classes(runs: Path) -> None:
    content = as_json(runs / "ce", runs / "ecm")
    by_class = [
        np.mean(np.array([[row.segm for row in record.per_class] for record in records(runs, loss)], float), axis=0)
        for loss in ("ce", "ecm")
    ]
    assert content["pairs"][0]["p_t_test_over_classes"] == pytest.approx(stats.ttest_rel(*by_class).pvalue)
    assert "paired t-test over the classes' AP: p = " in compare(runs / "ce", runs / "ecm").stdout


def test_swap_test_with_several_seeds_on_request(runs: Path) -> None:
    asked = differences(as_json(runs / "ce", runs / "ecm", "--swap-test"))["ce", "ecm", "AP"]
    assert asked["p_images"] < 0.05
    assert differences(as_json(runs / "ce", runs / "ecm"))["ce", "ecm", "AP"]["p_images"] is None


def test_power_shows_what_simulated_seeds_show(runs: Path) -> None:
    """With as many seeds as are needed, 80 % of simulated comparisons find the difference; with one less, fewer do."""
    content = as_json(runs / "ce", runs / "focal")
    one, power = differences(content)["ce", "focal", "AP"], content["pairs"][0]["power"]["AP"]
    rng = np.random.default_rng(0)

    def share_found(n: int) -> float:
        drawn = rng.normal(one["value"], one["seed_deviation"], (4000, n))
        images = rng.normal(0, one["image_deviation"], 4000)
        means, variance = drawn.mean(axis=1) + images, drawn.var(axis=1, ddof=1) / n
        error = np.sqrt(variance + one["image_deviation"] ** 2)
        t, z = stats.t.isf(0.025, n - 1), stats.norm.isf(0.025)
        half = (variance * t + one["image_deviation"] ** 2 * z) / error
        return float((np.abs(means) > half).mean())

    assert power["seeds_needed"] > 2
    assert share_found(power["seeds_needed"]) >= 0.77
    assert share_found(power["seeds_needed"] - 1) <= 0.83
    assert list(power["resolvable"]) == ["2", "3", "5", "10"]
    assert sorted(power["resolvable"].values(), reverse=True) == list(power["resolvable"].values())


@pytest.mark.parametrize("seeds", [1, 2])
def test_of_a_group_that_too_few_images_show_only_the_difference_is_told(tmp_path: Path, seeds: int) -> None:
    """One rare class, in three images. The other metrics keep their intervals."""
    folders = []
    for loss, skill in (("ce", 0.3), ("ecm", 0.8)):
        for seed in range(seeds):
            run = made_run(skill, seed)
            kept = np.ones(len(run.object_category), dtype=bool)
            kept[np.flatnonzero(run.object_category == 0)[3:]] = False
            fields = {name: getattr(run, name)[kept] for name in ("object_category", "object_image", "object_count")}
            few = replace(run, frequency=("r", *"c" * 5, *"f" * 6), **fields)
            folders.append(tmp_path / f"{loss}_{seed}")
            folders[-1].mkdir()
            digest = write_evidence(few, folders[-1] / "evidence.parquet")
            write(made_record(few, digest, loss, seed), folders[-1] / "result.json")
    swap = "--swap-test"
    content = as_json(*folders, swap)
    found = differences(content)
    silent = ("images", "p_images", "p_images_holm", "seeds", "p_seeds", "total", "p_total", "p_holm")
    rare, all_classes = found["ce", "ecm", "APr"], found["ce", "ecm", "AP"]
    assert rare["value"] is not None and [rare[name] for name in silent] == [None] * len(silent)
    assert all_classes["images"] is not None and all_classes["p_images"] is not None
    assert (all_classes["total"] is not None) == (seeds > 1)
    assert "APr" not in content["pairs"][0]["power"]
    assert {one["probability_best"] for one in content["rankings"]["APr"]["ranks"]} == {None}
    assert "With fewer than 5 no interval can be trusted, and none is given" in content["notes"][-1]
    text = compare(*folders, swap, "--plot", tmp_path / "forest.svg").stdout
    (row,) = [line for line in text.splitlines() if line.startswith("APr ")]
    assert "too few images" in row and "to" not in row.replace("too", "").split()
    said = content["pairs"][0]["verdict"]
    assert "better" in said and "APr by" not in said and "APr" in said.partition("; in ")[2]
    assert "too few images" in (tmp_path / "forest.svg").read_text(encoding="utf-8")

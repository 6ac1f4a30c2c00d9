"""The verb `compare` with three losses, and with losses of one seed."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from compare_cases import SKILLS, as_json, compare, differences, values
from scipy import stats

from lt_bench.evaluation.comparison.power import power_of
from lt_bench.evaluation.comparison.resampled_ap import COMPARED


def test_three_losses_all_pairs_with_holm(runs: Path) -> None:
    content = as_json(*(runs / loss for loss in SKILLS))
    found = differences(content)
    pairs = list(combinations(SKILLS, 2))
    for metric in COMPARED:
        p = [found[(*pair, metric)]["p_total"] for pair in pairs]
        order = sorted(range(3), key=p.__getitem__)
        largest = 0.0
        for place, index in enumerate(order):
            largest = max(largest, min(1.0, p[index] * (3 - place)))
            assert found[(*pairs[index], metric)]["p_holm"] == pytest.approx(largest)
        ranking = content["rankings"][metric]
        assert sum(one["probability_best"] for one in ranking["ranks"]) == pytest.approx(1)
        better = {name: 0 for name in SKILLS}
        worse = dict(better)
        for first, second in pairs:
            one = found[first, second, metric]
            if one["p_holm"] <= 0.05:
                winner, loser = (second, first) if one["value"] > 0 else (first, second)
                better[loser] += 1
                worse[winner] += 1
        assert {one["name"]: (one["rank"], one["worst"]) for one in ranking["ranks"]} == {
            name: (1 + better[name], 3 - worse[name]) for name in SKILLS
        }
    text = compare(*(runs / loss for loss in SKILLS)).stdout
    assert "p Holm" in text and "probability of being best" in text and "seeds needed" in text
    assert text.count("focal - ecm") >= len(COMPARED)


def test_seeds_variance_of_three_losses_is_that_of_all(runs: Path) -> None:
    """The residual mean square of a two-way analysis of variance, losses by seeds; each pair's own on request."""
    table = np.array([values(runs, loss, "AP") for loss in SKILLS])
    residual = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
    half = stats.t.isf(0.025, 4) * np.sqrt(2 * (residual**2).sum() / 4 / 3)
    one = differences(as_json(*(runs / loss for loss in SKILLS)))["ce", "ecm", "AP"]
    assert one["seeds"]["high"] - one["value"] == pytest.approx(half)
    assert one["value"] == pytest.approx(table[1].mean() - table[0].mean())
    alone = differences(as_json(*(runs / loss for loss in SKILLS), "--no-pooled"))["ce", "ecm", "AP"]
    low, high = stats.ttest_rel(table[1], table[0]).confidence_interval(0.95)
    assert (alone["seeds"]["low"], alone["seeds"]["high"]) == pytest.approx((low, high))


def test_power_of_three_losses_is_that_of_the_corrected_test(runs: Path) -> None:
    content = as_json(*(runs / loss for loss in SKILLS))
    for pair in content["pairs"]:
        one = differences(content)[pair["first"], pair["second"], "AP"]
        for n, size in pair["power"]["AP"]["resolvable"].items():
            known = {"level": 0.05 / 3, "pooled": 3, "paired": True, "image_deviation": one["image_deviation"]}
            assert power_of(size, one["seed_deviation"], int(n), **known) == pytest.approx(0.8, abs=1e-4)
    text = " ".join(compare(*(runs / loss for loss in SKILLS)).stdout.split())
    assert "at 5 % over the number of pairs tested, the first step of Holm's correction" in text


def test_where_one_of_three_losses_lacks_a_seed_no_pair_is_paired(runs: Path) -> None:
    arguments = [runs / "ce", runs / "ecm", runs / "focal" / "seed_0", runs / "focal" / "seed_1"]
    content = as_json(*arguments)
    for pair in content["pairs"]:
        one = differences(content)[pair["first"], pair["second"], "AP"]
        assert not one["paired"] and one["df"] == 2 + 2 + 1
        known = {"level": 0.05 / 3, "pooled": 3, "paired": False, "image_deviation": one["image_deviation"]}
        size = pair["power"]["AP"]["resolvable"]["3"]
        assert power_of(size, one["seed_deviation"], 3, **known) == pytest.approx(0.8, abs=1e-4)
    text = " ".join(compare(*arguments).stdout.split())
    assert "No runs are paired by seed, since focal lacks seed 2; --no-pooled pairs losses that" in text
    assert "Seeds are paired" not in text
    alone = " ".join(compare(*arguments, "--no-pooled").stdout.split())
    assert "Seeds are paired where two losses have the same" in alone and "No runs are paired" not in alone


def test_a_loss_with_one_seed_can_have_every_rank(runs: Path) -> None:
    arguments = (runs / "focal" / "seed_0", runs / "ce", runs / "ecm")
    ranks = {one["name"]: (one["rank"], one["worst"]) for one in as_json(*arguments)["rankings"]["AP"]["ranks"]}
    assert ranks["focal"] == (1, 3)
    text = " ".join(compare(*arguments).stdout.split())
    assert "1-3 focal" in text and "A loss with one seed can have every rank" in text


def test_a_loss_with_one_seed_leaves_the_others_paired(runs: Path) -> None:
    found = differences(as_json(runs / "focal" / "seed_0", runs / "ce", runs / "ecm"))
    one, test = found["ce", "ecm", "AP"], stats.ttest_rel(values(runs, "ecm", "AP"), values(runs, "ce", "AP"))
    low, high = test.confidence_interval(0.95)
    assert (one["seeds"]["low"], one["seeds"]["high"]) == pytest.approx((low, high))
    assert found["focal", "ce", "AP"]["total"] is None and found["focal", "ce", "AP"]["images"] is not None


def test_one_seed_says_that_the_total_is_not_known(runs: Path) -> None:
    pair = runs / "ce" / "seed_0", runs / "ecm" / "seed_0"
    done = compare(*pair)
    assert done.exit_code == 0
    assert done.stdout.count("not known with one seed") >= len(COMPARED) + 1
    assert "can't be said: there is one seed of ce and one of ecm" in " ".join(done.stdout.split())
    for one in as_json(*pair)["differences"]:
        assert one["total"] is None and one["seeds"] is None and one["p_total"] is None and one["p_holm"] is None
        assert one["images"] is not None and 0 < one["p_images"] <= 1
    assert all(one["p_images"] is None for one in as_json(*pair, "--no-swap-test")["differences"])
    assert as_json(*pair)["pairs"][0]["power"] == {}


def test_one_seed_against_three_knows_no_total(runs: Path) -> None:
    content = as_json(runs / "ce" / "seed_0", runs / "ecm")
    assert all(one["total"] is None for one in content["differences"])
    assert "ce lacks 1, 2" in content["notes"][0]

"""The sentences say what the numbers say: here the numbers are set by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scipy import stats

from lt_bench.evaluation.comparison.intervals import Interval
from lt_bench.evaluation.comparison.power import resolvable
from lt_bench.evaluation.comparison.total import Difference
from lt_bench.leaderboard.findings import findings
from lt_bench.leaderboard.rows import Run, baselines, in_tables
from lt_bench.leaderboard.standing import Standing

VALUES = {"eql": 0.4, "seesaw": 0.35, "ce": 0.3, "focal": 0.2}


@pytest.fixture
def rows(make_record):
    def make(seeds=(0, 1), values=VALUES):
        runs = [Run(make_record(loss, ap=ap, seed=seed)) for loss, ap in values.items() for seed in seeds]
        return in_tables(runs)[0][0]

    return make


def pair(first, second, metric, value, p_holm, n=2):
    known = p_holm is not None
    return Difference(
        first=str(first),
        second=str(second),
        metric=metric,
        value=value,
        images=None,
        p_images=None,
        seeds=Interval(value, value) if known else None,
        p_seeds=None,
        total=Interval(value, value) if known else None,
        p_total=p_holm,
        n_first=n,
        n_second=n,
        paired=True,
        df=12.0 if known else None,
        seed_deviation=0.0 if known else None,
        image_deviation=0.01 if known else None,
        p_holm=p_holm,
    )


def standing(rows, significant, unknown=()):
    """significant: metric -> pairs of places in which the first is better."""
    places = [(a, b) for a in range(len(rows)) for b in range(a + 1, len(rows))]
    pairs = {
        metric: [
            pair(a, b, metric, -0.1, None if {a, b} & {*unknown} else 0.01 if (a, b) in found else 0.9)
            for a, b in places
        ]
        for metric, found in significant.items()
    }
    return Standing((), tuple(baselines(rows)), (), pairs)


def test_significant_pairs_are_counted_and_named_against_ce(rows) -> None:
    made = rows()
    found = standing(made, {"AP": [(0, 2), (0, 3), (2, 3), (1, 3)], "APr": [(1, 2)]})
    follows, does_not = findings(made, found, toy=False)
    assert follows == (
        "**What follows:** of 6 pairs of losses, 4 in AP and 1 in APr differ significantly: in AP, above ce: eql, "
        "below it: focal; in APr, above ce: seesaw, below it: none."
    )
    # no scatter between seeds: a difference is found with 80 % if it is so many standard errors of the images' part
    size = 100 * 0.01 * (stats.norm.isf(0.05 / 6 / 2) + stats.norm.isf(0.2))
    assert f"about {size:.1f} points of AP to be found with a probability of 80 %" in does_not
    assert does_not.endswith("another data set, detector, backbone, schedule or recipe.")
    assert findings(made, found, toy=True)[1].endswith("recipe, least of all the order on LVIS.")


def test_the_sign_counts_whichever_loss_comes_first(rows) -> None:
    made = rows()
    found = standing(made, {"AP": [], "APr": []})
    found.pairs["APr"][-1] = pair(2, 3, "APr", 0.1, 0.001)  # the second one, focal, is better
    found.pairs["APr"][1] = pair(0, 2, "APr", 0.1, 0.001)  # ce is
    text = findings(made, found, toy=False)[0]
    assert text.endswith("in AP, above ce: none, below it: none; in APr, above ce: focal, below it: eql.")


def test_what_is_unknown_is_said(rows) -> None:
    made = rows()
    text = findings(made, standing(made, {"AP": [(0, 2)], "APr": []}, unknown=[1]), toy=False)[0]
    assert text.endswith("; of 3 pairs nothing is known, since a loss of it was trained once or lacks evidence.")


def test_from_single_runs_nothing_follows(rows) -> None:
    made = rows(seeds=(0,))
    follows, does_not = findings(made, standing(made, {"AP": [], "APr": []}, unknown=range(4)), toy=False)
    assert follows.startswith("**What follows:** nothing about which loss is better; of 6 pairs none")
    assert "every loss was trained once (n = 1)" in follows
    assert "80 %" not in does_not


def test_from_records_without_evidence_nothing_follows(rows) -> None:
    made = rows()
    text = findings(made, standing(made, {"AP": [], "APr": []}, unknown=range(4)), toy=False)[0]
    assert "nothing about which loss is better" in text and "without evidence" in text


def test_without_ce_no_loss_is_compared_with_it(rows) -> None:
    made = rows(values={"eql": 0.4, "seesaw": 0.35})
    text = findings(made, standing(made, {"AP": [(0, 1)], "APr": []}), toy=False)[0]
    assert text == "**What follows:** of 1 pair of losses, 1 in AP and 0 in APr differ significantly."


def test_one_loss_alone_has_nothing_to_say(rows) -> None:
    made = rows(values={"ce": 0.4})
    assert findings(made, standing(made, {"AP": [], "APr": []}), toy=False) == []


def test_classes_with_too_few_images_are_named(rows) -> None:
    made = rows()
    found = replace(standing(made, {"AP": [], "APr": []}), doubts={"APc": "APc: few.", "APf": "APf: few."})
    assert findings(made, found, toy=False)[2:] == ["**Few images:** APc: few. APf: few."]


def test_nothing_is_counted_in_a_metric_with_too_few_images(rows) -> None:
    made = rows()
    found = replace(standing(made, {"AP": [(0, 2)], "APr": [(0, 2), (1, 2)]}), doubts={"APr": "APr: few."})
    follows, _, few = findings(made, found, toy=False)
    assert follows == (
        "**What follows:** of 6 pairs of losses, 1 in AP differ significantly: in AP, above ce: eql, below it: none."
    )
    assert few == "**Few images:** APr: few."


def test_the_size_that_is_found_is_the_one_that_compare_tells(rows) -> None:
    """Of four losses with one variance, at the first step of Holm's correction for six pairs."""
    made = rows()
    found = standing(made, {"AP": [], "APr": []})
    half = Interval(-0.1, 0.1)
    found.pairs["AP"][:] = [replace(one, seeds=half, seed_deviation=0.02, n_first=3) for one in found.pairs["AP"]]
    size = resolvable(2, 0.02, True, 0.01, level=0.05 / 6, pooled=4)
    assert size is not None
    assert f"about {100 * size:.1f} points of AP" in findings(made, found, toy=False)[1]

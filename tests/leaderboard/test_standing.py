"""Ranks and intervals of a table, recomputed with scipy. Resampled metrics are made up here, not bootstrapped."""

from __future__ import annotations

import math
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from lt_bench.evaluation.comparison.widened_metrics import ImagesOfClasses
from lt_bench.leaderboard import standing as module
from lt_bench.leaderboard.rows import Run, in_tables
from lt_bench.leaderboard.standing import METRICS, standing

COLUMNS = ("AP", "APr", "APc", "APf", "AP50")
RESAMPLES = 400


@pytest.fixture
def made(make_record, monkeypatch):
    """Runs of losses with evidence whose resampled metrics are drawn here; and what was drawn, by file."""
    drawn: dict[Path, np.ndarray] = {}
    monkeypatch.setattr(module, "widened_metrics", lambda path, kind, resamples, seed: drawn[path])
    monkeypatch.setattr(module, "cached_images", lambda path: ImagesOfClasses(np.array([3, 1, 40]), "rrf"))

    def make(losses, spread=0.004, images=0.01, without=(), seed=0):
        """losses: name -> (mean AP, seeds). without: pairs of a loss and a seed that have no evidence."""
        rng = np.random.default_rng(seed)
        common = rng.normal(0, images, RESAMPLES)
        runs = []
        for loss, (mean, seeds) in losses.items():
            own = rng.normal(0, images / 4, RESAMPLES)
            for number in seeds:
                numbers = dict(zip(COLUMNS, mean + rng.normal(0, spread, 5), strict=True))
                record = make_record(loss, seed=number)
                content = record.model_dump(exclude_none=True)
                content["metrics"]["segm"].update(numbers)
                path = Path(f"{loss}_{number}")
                scatter = (common + own + rng.normal(0, images / 4, RESAMPLES))[:, None]
                drawn[path] = np.array(list(numbers.values())) + scatter
                runs.append(Run(type(record)(**content), None if (loss, number) in without else path))
        (rows,), problems = in_tables(reversed(runs))
        assert problems == []
        return rows, drawn

    return make


def seeds_of(rows):
    """Variance of a difference of two means, and its degrees of freedom, by a two-way analysis of variance."""
    table = [[record.metrics.segm.AP for record in row.records] for row in rows]
    losses, seeds = len(table), len(table[0])
    mean = np.mean(table)
    squares = 0.0
    for values in table:
        for seed in range(seeds):
            squares += (values[seed] - np.mean(values) - np.mean([row[seed] for row in table]) + mean) ** 2
    df = (losses - 1) * (seeds - 1)
    return 2 * squares / df / seeds, df


def total(first, second, rows, drawn):
    """Interval (points) and p of a paired difference of mean AP, from the definition: the variances of seeds and images
    add up, what images do to single runs is not counted twice, quantiles are weighted by the variances; and it is never
    narrower than the interval of seeds or of images.
    """
    resampled = np.array(
        [drawn[b.evidence][:, 0] - drawn[a.evidence][:, 0] for a, b in zip(first.runs, second.runs, strict=True)]
    )
    n = len(first.runs)
    seeds, df = seeds_of(rows)
    single = sum(np.var(run - resampled.mean(axis=0), ddof=1) for run in resampled) / (n - 1) / n
    whole = np.var(resampled.mean(axis=0), ddof=1)
    images = max(0.0, whole - single, whole - seeds)
    error = math.sqrt(seeds + images)

    def quantile(tail):
        both = (seeds * stats.t.isf(tail, df) + images * stats.norm.isf(tail)) / (seeds + images)
        return max(both, stats.t.isf(tail, df) * math.sqrt(seeds) / error)

    center, half = second.ap() - first.ap(), quantile(0.025) * error
    low, high = 1e-12, 0.5
    for _ in range(60):
        tail = math.sqrt(low * high)
        low, high = (tail, high) if quantile(tail) * error > abs(center) else (low, tail)
    return (100 * (center - half), 100 * (center + half)), 2 * tail


SEVEN = {
    "ce": (0.21, (0, 1, 2)),
    "ecm": (0.20, (0, 1, 2)),
    "eql": (0.24, (0, 1, 2)),
    "seesaw": (0.27, (0, 1, 2)),
    "focal": (0.15, (0, 1, 2)),
}


def test_the_difference_to_ce_has_the_interval_of_seeds_and_images(made) -> None:
    rows, drawn = made(SEVEN)
    found = standing(rows)
    (ce,) = (row for row in rows if row.label == "ce")
    for row, difference in zip(rows, found.differences, strict=True):
        if row is ce:
            assert difference.text() == "0.0"
            continue
        (low, high), _ = total(ce, row, rows, drawn)
        assert difference.text() == f"{100 * (row.ap() - ce.ap()):+.1f} [{low:+.1f}, {high:+.1f}]"


@pytest.mark.parametrize("seed", range(3))
def test_losses_share_a_rank_unless_their_difference_is_significant(made, seed) -> None:
    rows, drawn = made({**SEVEN, "eqlv2": (0.205, (0, 1, 2)), "federated": (0.225, (0, 1, 2))}, seed=seed)
    places = list(combinations(range(len(rows)), 2))
    p_values = {pair: total(rows[pair[0]], rows[pair[1]], rows, drawn)[1] for pair in places}
    worse, better = dict.fromkeys(range(len(rows)), 0), dict.fromkeys(range(len(rows)), 0)
    for step, pair in enumerate(sorted(places, key=p_values.__getitem__)):  # Holm, step by step
        if p_values[pair] * (len(places) - step) > 0.05:
            break
        better[pair[1]] += 1  # rows are sorted by AP
        worse[pair[0]] += 1
    found = standing(rows).ranks
    assert [(rank.best, rank.worst) for rank in found] == [
        (1 + better[place], len(rows) - worse[place]) for place in range(len(rows))
    ]
    assert 0 < sum(better.values()) < len(places)
    assert len({rank.text() for rank in found}) > 2


def test_nothing_is_significant_for_a_single_run(made) -> None:
    rows, _ = made({"ce": (0.2, (0,)), "ecm": (0.6, (0,)), "eql": (0.4, (0,))})
    found = standing(rows)
    assert [rank.text() for rank in found.ranks] == ["1-3"] * 3
    texts = [difference.text() for difference in found.differences]
    assert [text.partition(",")[2] for text in texts] == [" interval unknown (n = 1)"] * 2 + [""]


def test_a_single_run_among_others_has_no_interval_and_nor_has_one_against_a_single_ce(made) -> None:
    rows, _ = made({"ce": (0.2, (0, 1, 2)), "ecm": (0.6, (0,)), "eql": (0.4, (0, 1, 2))})
    found = standing(rows)
    assert [rank.text() for rank in found.ranks] == ["1-3", "1-2", "2-3"]
    assert found.differences[0].text().endswith(", interval unknown (n = 1)")
    assert found.differences[1].text().endswith("]")
    rows, _ = made({"ce": (0.2, (0,)), "eql": (0.4, (0, 1, 2))})
    found = standing(rows)
    assert [rank.text() for rank in found.ranks] == ["1-2", "1-2"]
    assert found.differences[0].text().endswith(", interval unknown (n of ce = 1)")


def test_a_single_run_is_not_resampled(made, monkeypatch) -> None:
    rows, _ = made({"ce": (0.2, (0,)), "ecm": (0.3, (0,))})
    monkeypatch.setattr(module, "widened_metrics", None)
    standing(rows)


def test_without_all_evidence_there_is_the_interval_of_the_seeds_and_it_says_so(made) -> None:
    rows, _ = made(SEVEN, without=[("ecm", 1)])
    found = standing(rows)
    by_name = {row.label: place for place, row in enumerate(rows)}
    ce, ecm = rows[by_name["ce"]], rows[by_name["ecm"]]
    variance, df = seeds_of(rows)
    gap = ecm.ap() - ce.ap()
    low, high = 100 * np.array(stats.t.interval(0.95, df, loc=gap, scale=math.sqrt(variance)))
    text = found.differences[by_name["ecm"]].text()
    assert text == f"{100 * gap:+.1f} [{low:+.1f}, {high:+.1f}] (seeds only)"
    assert found.ranks[by_name["ecm"]].text() == "1-5"
    assert not found.differences[by_name["eql"]].text().endswith("(seeds only)")


def test_other_seeds_are_not_paired(made) -> None:
    """Without scatter of the images it is Student's t-test for two groups of one variance."""
    rows, _ = made({"ce": (0.2, (0, 1, 2)), "ecm": (0.3, (3, 4, 5, 6))}, images=0.0)
    ecm, ce = rows
    side = [[record.metrics.segm.AP for record in row.records] for row in (ecm, ce)]
    student = stats.ttest_ind(*side).confidence_interval(0.95)
    text = standing(rows).differences[0].text()
    assert text.partition(" ")[2] == f"[{100 * student.low:+.1f}, {100 * student.high:+.1f}]"


def test_a_single_run_leaves_the_others_paired(made) -> None:
    rows, drawn = made({"ce": (0.2, (0, 1, 2)), "eql": (0.23, (0, 1, 2)), "focal": (0.1, (0,))}, spread=0.03)
    eql, ce, _ = rows
    (low, high), _ = total(ce, eql, [eql, ce], drawn)
    assert standing(rows).differences[0].text().endswith(f" [{low:+.1f}, {high:+.1f}]")


def test_what_has_no_ap_has_no_rank(make_record) -> None:
    content = make_record().metrics.model_dump()
    content["segm"]["AP"] = -1.0
    records = [make_record("ce", metrics=content), make_record("ecm", ap=0.3)]
    (rows,), _ = in_tables(map(Run, records))
    found = standing(rows)
    assert [row.label for row in rows] == ["ecm", "ce"]
    assert [rank.text() for rank in found.ranks] == ["1", "-"]
    assert [difference.text() for difference in found.differences] == ["-", "0.0"]


def test_both_metrics_are_compared_in_all_pairs(made) -> None:
    rows, _ = made(SEVEN)
    pairs = standing(rows).pairs
    assert list(pairs) == list(METRICS) == ["AP", "APr"]
    assert {len(found) for found in pairs.values()} == {10}
    for metric, found in pairs.items():
        for pair in found:
            means = [
                np.mean([getattr(r.metrics.segm, metric) for r in rows[int(name)].records])
                for name in (pair.first, pair.second)
            ]
            assert pair.value == pytest.approx(means[1] - means[0])


def test_few_images_are_doubted_where_an_interval_is_given(made) -> None:
    rows, _ = made({"ce": (0.2, (0, 1)), "ecm": (0.3, (0, 1))})
    found = standing(rows)
    assert list(found.doubts) == ["APr"] and " 4. " in found.doubts["APr"]
    for pair in found.pairs["APr"]:
        assert np.isfinite(pair.value)
        assert (pair.images, pair.seeds, pair.total, pair.p_seeds, pair.p, pair.p_holm) == (None,) * 6
    assert all(pair.total is not None and pair.p_holm is not None for pair in found.pairs["AP"])
    rows, _ = made({"ce": (0.2, (0,)), "ecm": (0.3, (0,))})
    assert standing(rows).doubts == {}

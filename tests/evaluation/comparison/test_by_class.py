"""Differences by class: held against exchanged detections evaluated anew, loops and scipy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_runs import made_run, training_images
from scipy import stats

from lt_bench.evaluation.comparison.bootstrap import draw_images
from lt_bench.evaluation.comparison.by_class import (
    ByClass,
    ClassInfo,
    Excess,
    by_class,
    excess_of,
    p_values,
    swapped_differences,
)
from lt_bench.evaluation.comparison.class_text import render_classes
from lt_bench.evaluation.comparison.compare import measure
from lt_bench.evaluation.comparison.comparison import Candidate, Options
from lt_bench.evaluation.comparison.intervals import image_interval
from lt_bench.evaluation.comparison.resampled_ap import class_ap
from lt_bench.evaluation.evidence.evidence import Evidence, Outcomes
from lt_bench.evaluation.evidence.precision import evidence_metrics

OPTIONS = Options(resamples=100)


def about(evidence: Evidence) -> list[ClassInfo]:
    counts = training_images(len(evidence.category_ids))
    return [
        ClassInfo(key, f"class {key}", group, images)
        for key, group, images in zip(evidence.category_ids.tolist(), evidence.frequency, counts, strict=True)
    ]


def compared(first: list[Evidence], second: list[Evidence]) -> ByClass:
    candidates = (
        Candidate("one", tuple(range(len(first))), tuple(first)),
        Candidate("other", tuple(range(len(second))), tuple(second)),
    )
    measured = (measure(candidates[0], OPTIONS), measure(candidates[1], OPTIONS))
    return by_class(candidates, measured, about(first[0]), OPTIONS)


def mixed(one: Evidence, other: Evidence, from_other: np.ndarray) -> Evidence:
    """The detections of `other` in some images, those of `one` in the rest."""
    sides = ((one, ~from_other[one.image]), (other, from_other[other.image]))
    category, image, score, correct, ignored = (
        np.concatenate([get(side)[kept] for side, kept in sides])
        for get in (
            lambda side: side.category,
            lambda side: side.image,
            lambda side: side.score,
            lambda side: side.outcomes["segm"].correct,
            lambda side: side.outcomes["segm"].ignored,
        )
    )
    order = np.lexsort((image, -score, category))
    outcomes = Outcomes(correct[order], ignored[order])
    fields = {"category": category[order], "image": image[order], "score": score[order], "outcomes": {"segm": outcomes}}
    return replace(one, **fields)


def test_exchanged_detections_are_evaluated_exactly() -> None:
    one, other = made_run(0.4, 0), made_run(0.6, 1)
    found = swapped_differences([one], [other], "segm", permutations=4, seed=3)
    swaps = np.random.default_rng(3).integers(2, size=(5, len(one.image_ids)), dtype=np.int32).astype(bool)
    swaps[0] = False
    for row, swap in zip(found, swaps, strict=True):
        before, after = (evidence_metrics(mixed(one, other, side), "segm")[1] for side in (swap, ~swap))
        expected = [after[key] - before[key] for key in one.category_ids.tolist()]
        assert row == pytest.approx(expected, abs=1e-12)


def test_differences_and_intervals() -> None:
    first, second = [made_run(0.4, seed) for seed in range(2)], [made_run(0.6, seed) for seed in range(2)]
    found = compared(first, second)
    sides = [[evidence_metrics(run, "segm")[1] for run in side] for side in (first, second)]
    weights = draw_images(len(first[0].image_ids), OPTIONS.resamples, OPTIONS.random_seed)
    resampled = [np.mean([class_ap(run, "segm", weights).ap for run in side], axis=0) for side in (first, second)]
    images = [{int(i) for i in first[0].object_image[first[0].object_category == k]} for k in range(12)]
    for place, one in enumerate(found.classes):
        before, after = (np.mean([run[one.about.id] for run in side]) for side in sides)
        assert (one.first, one.second) == pytest.approx((before, after), abs=1e-12)
        assert one.value == pytest.approx(after - before, abs=1e-12)
        assert one.images == len(images[place])
        expected = image_interval(one.value, (resampled[1] - resampled[0])[:, place], 0.95)
        assert one.interval is not None and expected is not None
        assert (one.interval.low, one.interval.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    gained, lost = found.gained(), found.lost()
    assert [one.value for one in gained] == sorted((one.value for one in found.classes if one.value > 0), reverse=True)
    assert [one.value for one in lost] == sorted(one.value for one in found.classes if one.value < 0)


def test_a_class_that_one_image_shows_has_no_interval() -> None:
    """Of one image no variance is known; of two, one is."""
    runs = []
    for skill, seed in ((0.4, 0), (0.6, 1)):
        run = made_run(skill, seed)
        kept = np.ones(len(run.object_category), dtype=bool)
        for place, images in ((0, 1), (1, 2)):
            kept[np.flatnonzero(run.object_category == place)[images:]] = False
        fields = {name: getattr(run, name)[kept] for name in ("object_category", "object_image", "object_count")}
        runs.append(replace(run, **fields))
    once, twice, *_ = compared(runs[:1], runs[1:]).classes
    assert (once.images, once.interval) == (1, None)
    assert twice.images == 2 and twice.interval is not None


def test_what_is_said_of_the_number_of_classes() -> None:
    found = replace(compared([made_run(0.4, 0)], [made_run(0.5, 1)]), excess=Excess(0.05, 9, 1.4, 3, 1e-4, 6))
    text = " ".join(render_classes(found, 0.95).split())
    assert "(p < 0.001), so this is more than chance would give" in text
    found = replace(found, excess=Excess(0.05, 3, 1.4, 3, 0.2, 0))
    assert "(p = 0.200), so chance alone may give as many" in " ".join(render_classes(found, 0.95).split())


def test_p_values_are_shares_of_larger_differences() -> None:
    differences = np.random.default_rng(0).integers(-4, 5, size=(50, 3)) / 4
    found = p_values(differences)
    for row in range(50):
        for k in range(3):
            larger = sum(abs(differences[other, k]) >= abs(differences[row, k]) for other in range(50))
            assert found[row, k] == larger / 50


def test_excess_counts_and_corrects() -> None:
    rng = np.random.default_rng(1)
    p = rng.random((200, 40))
    p[0, :6] = 0.0005 * np.arange(1, 7)
    found = excess_of(p)
    counts = [sum(value <= 0.05 for value in row) for row in p]
    assert found.found == counts[0]
    assert found.expected == pytest.approx(np.mean(counts[1:]))
    assert found.p == sum(count >= counts[0] for count in counts) / 200
    assert sum(count > found.high for count in counts[1:]) <= 0.05 * 199
    assert found.after_correction == (stats.false_discovery_control(p[0]) <= 0.05).sum() >= 5


def test_a_difference_is_found_and_none_is_rarely() -> None:
    better = compared([made_run(0.4, 0)], [made_run(0.75, 1)])
    assert better.excess is not None and better.excess.p <= 0.05 and better.excess.found > better.excess.high
    called = 0
    for trial in range(60):
        pair = [made_run(0.5, 2 * trial + seed, images=24, classes=6) for seed in (0, 1)]
        swapped = swapped_differences(pair[:1], pair[1:], "segm", permutations=59, seed=trial)
        called += excess_of(p_values(swapped)).p <= 0.05
    assert called <= stats.binom.isf(0.001, 60, 0.05)


def test_different_numbers_of_runs_have_no_swap_test() -> None:
    found = compared([made_run(0.4, 0)], [made_run(0.5, seed) for seed in range(2)])
    assert found.excess is None and all(one.p is None for one in found.classes)

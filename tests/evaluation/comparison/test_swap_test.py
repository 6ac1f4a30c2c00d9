from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_evidence import KINDS, made_evidence, made_truth, plain_class_ap
from numpy.typing import NDArray

from lt_bench.errors import UserError
from lt_bench.evaluation.comparison.resampled_ap import COMPARED
from lt_bench.evaluation.comparison.swap_test import swap_test
from lt_bench.evaluation.evidence.evidence import Evidence, Outcomes
from lt_bench.evaluation.terms import BoxOrMask


def made(seed: int, runs: int, images: int = 6, classes: int = 4, digits: int = 1) -> list[Evidence]:
    rng = np.random.default_rng(seed)
    truth = made_truth(rng, images, classes)
    return [made_evidence(rng, truth, 80, digits) for _ in range(runs)]


def exchanged(one: Evidence, other: Evidence, swapped: NDArray[np.bool_]) -> Evidence:
    """`one`, but in the images that are `swapped` with the detections of `other`."""
    mine, theirs = ~swapped[one.image], swapped[other.image]

    def both(name: str) -> NDArray[np.float64]:
        return np.concatenate((getattr(one, name)[mine], getattr(other, name)[theirs]))

    order = np.lexsort((both("image"), -both("score"), both("category")))
    outcomes = {}
    for kind in KINDS:
        pairs = zip(vars(one.outcomes[kind]).values(), vars(other.outcomes[kind]).values(), strict=True)
        outcomes[kind] = Outcomes(*(np.concatenate((left[mine], right[theirs]))[order] for left, right in pairs))
    columns = {name: both(name)[order] for name in ("category", "image", "score")}
    return replace(one, outcomes=outcomes, **columns)


def plain_metrics(evidence: Evidence, kind: BoxOrMask) -> NDArray[np.float64]:
    by_class: NDArray[np.float64] = np.array(plain_class_ap(evidence, kind, [1] * len(evidence.image_ids)))
    ap, groups = by_class.mean(axis=0), np.array(evidence.frequency)
    parts = [ap, *(ap[groups == name] for name in "rcf"), by_class[0]]
    return np.array([np.nanmean(part) if not np.isnan(part).all() else np.nan for part in parts])


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_is_the_test_with_detections_exchanged_one_by_one(kind, seeds: int) -> None:
    """The same draws; every pseudo-run is put together and evaluated by plain loops."""
    runs = made(3, 2 * seeds, classes=6)
    first, second = runs[:seeds], runs[seeds:]
    found = swap_test(first, second, kind, permutations=25, seed=11)
    draws = np.random.default_rng(11).integers(2, size=(26, 6), dtype=np.int32).astype(bool)
    draws[0] = False
    differences = np.array(
        [
            np.mean(
                [
                    plain_metrics(exchanged(two, one, swapped), kind)
                    - plain_metrics(exchanged(one, two, swapped), kind)
                    for one, two in zip(first, second, strict=True)
                ],
                axis=0,
            )
            for swapped in draws
        ]
    )
    expected = (np.abs(differences) >= np.abs(differences[0]) - 1e-12).mean(axis=0)
    np.testing.assert_allclose([found[name] for name in COMPARED], expected, rtol=1e-12)
    assert 0 < min(found.values()) < max(found.values()) <= 1


def test_equal_runs_have_p_of_1_and_unequal_ones_the_smallest() -> None:
    one = made(0, 1, images=40)[0]
    assert set(swap_test([one], [one], "bbox", 50).values()) == {1.0}
    nothing = {kind: Outcomes(np.zeros_like(own.correct), own.ignored) for kind, own in one.outcomes.items()}
    found = swap_test([one], [replace(one, outcomes=nothing)], "bbox", 50)
    assert found["AP"] == found["AP50"] == pytest.approx(1 / 51)


def test_sides_can_change_places() -> None:
    one, other = made(5, 2, classes=9)
    assert swap_test([one], [other], "segm", 50) == swap_test([other], [one], "segm", 50)


def test_a_group_without_classes_has_no_p() -> None:
    one, other = made(4, 2, classes=2)
    found = swap_test([one], [other], "bbox", 10)
    assert np.isnan(found["APf"])
    assert 0 < found["AP"] <= 1


@pytest.mark.slow
def test_true_null_is_rejected_as_often_as_the_level_says() -> None:
    """Two runs of one detector on images that are their own draws: p below 0.1 in a tenth of the cases."""
    runs = [made(seed, 2, images=10) for seed in range(300)]
    p = [swap_test([one], [other], "bbox", 99)["AP"] for one, other in runs]
    assert abs(np.mean(np.array(p) <= 0.1) - 0.1) < 4 * np.sqrt(0.1 * 0.9 / 300)


def test_mistakes_are_named() -> None:
    one, other = made(0, 2)
    with pytest.raises(UserError, match="not 2 and 1"):
        swap_test([one, other], [one], "bbox")
    with pytest.raises(UserError, match="not 0 and 0"):
        swap_test([], [], "bbox")
    with pytest.raises(UserError, match="different images"):
        swap_test([one], made(1, 1), "bbox")

from __future__ import annotations

import numpy as np

from benchmarks.calibration.generator import draw, population
from benchmarks.calibration.repetition import measured


def test_evidence_is_sorted_and_sound() -> None:
    first, second = draw(population(300, 2.5, True), np.random.default_rng(0))
    assert first.same_truth(second)
    for one in (first, second):
        order = np.lexsort((one.image, -one.score, one.category))
        assert np.array_equal(order, np.arange(len(one)))
        objects = np.lexsort((one.object_image, one.object_category))
        assert np.array_equal(objects, np.arange(len(one.object_image)))
        outcomes = one.outcomes["bbox"]
        assert not (outcomes.correct & outcomes.ignored).any()
        assert outcomes.correct.max() == 1023 and (outcomes.correct[:, 0] == 0).any() and outcomes.ignored[:, 0].any()
        pairs = np.stack((one.object_category, one.object_image))
        assert len(np.unique(pairs, axis=1).T) == len(one.object_image)


def test_no_more_is_correct_than_there_are_objects() -> None:
    evidence, _ = draw(population(100, 5, False), np.random.default_rng(1))
    found = np.zeros((30, 100), int)
    np.add.at(found, (evidence.category, evidence.image), evidence.outcomes["bbox"].correct[:, 0] & 1)
    objects = np.zeros((30, 100), int)
    objects[evidence.object_category, evidence.object_image] = evidence.object_count[:, 0]
    assert (found <= objects).all() and found.sum() > 0.5 * objects.sum()


def test_rare_classes_have_as_many_images_as_asked_for() -> None:
    drawn_from = population(1000, 2.5, False)
    counts = np.stack(
        [
            np.bincount(draw(drawn_from, np.random.default_rng(seed))[0].object_category, minlength=30)
            for seed in range(60)
        ]
    )
    assert abs(counts[:, :10].mean() - 2.5) < 0.25
    assert abs(counts[:, :10].var() - 2.5) < 0.5  # Poisson: images are drawn independently
    assert (counts[:, 20:].mean(axis=0) > 10).all()


def test_detectors_differ_only_if_asked_to() -> None:
    """60 sets: the standard error of a difference of AP is 0.2 points."""
    same, differ = (
        np.mean([measured(population(100, 5, one), np.random.default_rng(seed))[1, 0] for seed in range(60)])
        for one in (False, True)
    )
    assert abs(same) < 0.006
    assert differ > 0.015


def test_both_detectors_find_the_same_objects_easy() -> None:
    """Their differences scatter less than those of detectors on different images would."""
    both = np.array([measured(population(300, 5, False), np.random.default_rng(seed)) for seed in range(60)])
    assert both[:, 1, 0].std() < 0.9 * np.sqrt(2) * both[:, 0, 0].std()

"""The matching of all thresholds and areas at once against the plain loop that it stands for."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lt_bench.evaluation.evidence.greedy import match

THRESHOLDS = np.linspace(0.5, 0.95, 10)


def by_loop(ious: np.ndarray, ignored: np.ndarray, threshold: float) -> list[int]:
    """Of each detection of a pair: 1 if it takes an object that has to be found, 2 an ignored one, 0 none."""
    taken: set[int] = set()
    outcome = []
    for row in ious:
        chosen = None
        for wanted in (False, True):  # those that count come first
            for column, iou in enumerate(row):
                free = ignored[column] == wanted and column not in taken and iou >= threshold
                if free and (chosen is None or iou >= row[chosen]):
                    chosen = column
            if chosen is not None:
                break
        if chosen is not None:
            taken.add(chosen)
        outcome.append(0 if chosen is None else 2 if ignored[chosen] else 1)
    return outcome


@given(seed=st.integers(0, 2**32 - 1), coarse=st.booleans())
def test_every_detection_takes_what_the_loop_gives_it(seed: int, coarse: bool) -> None:
    rng = np.random.default_rng(seed)
    detections, objects = rng.integers(1, 8, (2, rng.integers(0, 5)))
    ious = [rng.random((d, g)) ** 0.3 for d, g in zip(detections, objects, strict=True)]
    if coarse:  # ties, and IoUs that are thresholds
        ious = [np.round(20 * table) / 20 for table in ious]
    ignored = rng.random((objects.sum(), 4)) < 0.3
    found, passed_over = match(np.concatenate([np.empty(0), *map(np.ravel, ious)]), detections, objects, ignored)
    bounds = np.cumsum([0, *objects])
    for threshold in range(10):
        for area in range(4):
            expected = []
            for table, start, end in zip(ious, bounds[:-1], bounds[1:], strict=True):
                expected += by_loop(table, ignored[start:end, area], THRESHOLDS[threshold])
            bits = (found[:, area] >> threshold & 1) + 2 * (passed_over[:, area] >> threshold & 1)
            assert bits.tolist() == expected

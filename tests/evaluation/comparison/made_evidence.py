"""Evidence drawn at random, and its LVIS AP by plain loops."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.evidence.evidence import Evidence, Outcomes
from lt_bench.evaluation.terms import BoxOrMask

KINDS: tuple[BoxOrMask, ...] = ("bbox", "segm")


def made_truth(rng: np.random.Generator, images: int, classes: int) -> dict[str, NDArray[np.int64]]:
    """Image ids, category ids, and objects: some classes have none, some only ignored ones."""
    present = rng.random((classes, images)) < rng.choice([0.0, 0.1, 0.5], (classes, 1), p=[0.1, 0.4, 0.5])
    category, image = np.nonzero(present)
    return {
        "image_ids": np.sort(rng.permutation(10 * images)[:images]),
        "category_ids": np.sort(rng.permutation(10 * classes)[:classes]),
        "object_category": category,
        "object_image": image,
        "object_count": np.sort(rng.integers(0, 4, (len(category), 4)))[:, ::-1],
    }


def made_evidence(
    rng: np.random.Generator, truth: dict[str, NDArray[np.int64]], detections: int, digits: int = 9
) -> Evidence:
    """Detections in all images; bits of the thresholds are independent of each other, which they are not in life.

    Scores have so many `digits`: few give ties, but never of two detections of one image and class.
    """
    images, classes = len(truth["image_ids"]), len(truth["category_ids"])
    category, image = rng.integers(classes, size=detections), rng.integers(images, size=detections)
    score = rng.random(detections).round(digits)
    _, unique = np.unique(np.stack((category, image, score)), axis=1, return_index=True)
    category, image, score = category[unique], image[unique], score[unique]
    order = np.lexsort((image, -score, category))
    count = len(order)
    outcomes = {}
    for kind in KINDS:
        correct = _bits(rng, count) & _bits(rng, count)
        ignored = _bits(rng, count) & _bits(rng, count) & _bits(rng, count) & ~correct
        ignored[rng.random(count) < 0.2] = 1023
        ignored &= ~correct
        outcomes[kind] = Outcomes(correct, ignored)
    return Evidence(
        annotations="0" * 64,
        predictions="1" * 64,
        image_ids=truth["image_ids"],
        category_ids=truth["category_ids"],
        frequency=tuple("rcf"[index % 3] for index in range(classes)),
        category=category[order].astype(np.int32),
        image=image[order].astype(np.int32),
        score=score[order],
        outcomes=outcomes,
        object_category=truth["object_category"].astype(np.int32),
        object_image=truth["object_image"].astype(np.int32),
        object_count=truth["object_count"].astype(np.int32),
    )


def _bits(rng: np.random.Generator, count: int) -> NDArray[np.uint16]:
    return rng.integers(1024, size=(count, 4)).astype(np.uint16)


def plain_ap(rows: list[tuple[int, int, int]], objects: int, threshold: int) -> float:
    """AP of one class by loops, in lvis-api's words: rows (weight, correct bits, ignored bits) in order."""
    tp = fp = 0
    points = []
    for weight, correct, ignored in rows:
        for _ in range(weight):
            if correct >> threshold & 1:
                tp += 1
            elif not ignored >> threshold & 1:
                fp += 1
            points.append((tp / objects, tp / (fp + tp + np.spacing(1))))
    total = 0.0
    for recall in np.linspace(0.0, 1.0, 101):
        total += max((precision for reached, precision in points if reached >= recall), default=0.0)
    return total / 101


def plain_class_ap(evidence: Evidence, kind: BoxOrMask, weights: list[int]) -> list[list[float]]:
    """AP [T][K] of one resample; NaN where a class has no object in it."""
    outcomes = evidence.outcomes[kind]
    columns = (evidence.category, evidence.image, outcomes.correct[:, 0], outcomes.ignored[:, 0])
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    found: list[list[float]] = [[] for _ in range(10)]
    for index in range(len(evidence.category_ids)):
        own = evidence.object_category == index
        pairs = zip(evidence.object_image[own].tolist(), evidence.object_count[own, 0].tolist(), strict=True)
        objects = sum(weights[image] * count for image, count in pairs)
        these = [(weights[image], *bits) for category, image, *bits in rows if category == index]
        for threshold in range(10):
            found[threshold].append(plain_ap(these, objects, threshold) if objects else float("nan"))
    return found

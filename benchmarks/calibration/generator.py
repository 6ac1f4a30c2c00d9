"""Generated validation sets and the outcomes of two detectors on them, as evidence: no boxes, no files.

A population fixes the classes and the two detectors. `draw` draws a validation set from it: other images of the same
kind, on which the same two detectors are measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.evidence.evidence import Evidence, Outcomes

THRESHOLDS = 10
AREAS = 4  # only the first of them, all sizes, is filled
FREQUENCY = "rcf"
GAIN = {"r": 0.15, "c": 0.06, "f": 0.03}  # by how much the better detector is better, in logits
SPREAD = 0.1  # by how much two detectors that differ do so from class to class, in logits
NEGATIVE = 1.5  # images in which a class is known to be absent, for each one in which it is present
NOT_EXHAUSTIVE = 0.05  # share of the present classes of which not all objects are annotated
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Population:
    """K classes and two detectors.

    images: of a validation set. frequency: "r", "c" or "f" of each class. expected: float64 [K], images of a
    validation set in which a class is present, on average. quality: float64 [2, K], how well each detector finds a
    class, in logits.
    """

    images: int
    frequency: tuple[str, ...]
    expected: Floats
    quality: Floats


def population(images: int, rare_images: float, differ: bool, classes: int = 10, seed: int = 0) -> Population:
    """`classes` rare, as many common and as many frequent classes.

    rare_images: how many images a rare class is present in, on average. differ: whether the second detector is better;
    if not, both are the same but for chance.
    """
    rng = np.random.default_rng(seed)
    frequency = tuple(letter for letter in FREQUENCY for _ in range(classes))
    common, frequent = np.geomspace(5, 12, classes), np.geomspace(12, 15 + 1.2 * np.sqrt(images), classes)
    first = np.repeat((-0.6, -0.1, 0.3), classes) + rng.normal(0, 0.5, 3 * classes)
    gain = np.array([GAIN[letter] for letter in frequency]) + rng.normal(0, SPREAD, 3 * classes)
    return Population(
        images,
        frequency,
        np.concatenate((np.full(classes, rare_images), common, frequent)),
        np.stack((first, first + gain * differ)),
    )


def draw(population: Population, rng: np.random.Generator) -> tuple[Evidence, Evidence]:
    """A validation set, and what both detectors find in it."""
    present, absent = _annotate(population, rng)
    cells = np.concatenate((present, absent))  # pairs of a class and an image: [cells, 2]
    objects = np.concatenate((1 + rng.poisson(0.8, len(present)), np.zeros(len(absent), np.int64)))
    objects[: len(present)] = np.where(
        rng.random(len(present)) < 0.1, objects[: len(present)] * 3, objects[: len(present)]
    )
    open_cell = np.zeros(len(cells), bool)
    open_cell[: len(present)] = rng.random(len(present)) < NOT_EXHAUSTIVE
    image = rng.normal(0, 0.6, population.images)  # how easy an image is, for both

    found = np.repeat(np.arange(len(cells)), objects)  # the cell of each object
    easy = image[cells[found, 1]] + rng.normal(0, 0.9, len(found))  # how easy an object is, for both
    mistaken = np.repeat(np.arange(len(cells)), rng.poisson(0.7, len(cells)))  # the cell of what looks like an object
    likely = rng.normal(-1.2, 0.9, len(mistaken))  # how much it does, for both

    sides = []
    for quality in population.quality:
        strength = quality[cells[found, 0]] + easy + rng.normal(0, 0.6, len(found))
        level = np.clip(np.floor(4 + 3 * strength), 0, THRESHOLDS).astype(np.int64)  # thresholds that it passes
        hit = level > 0
        seen = rng.random(len(mistaken)) < 0.7
        cell = np.concatenate((found[hit], mistaken[seen]))
        logit = np.concatenate(
            (
                strength[hit] + rng.normal(0, 0.5, hit.sum()),
                likely[seen] - 0.3 * quality[cells[mistaken[seen], 0]] + rng.normal(0, 0.6, seen.sum()),
            )
        )
        correct = np.concatenate(((1 << level[hit]) - 1, np.zeros(seen.sum(), np.int64)))
        # Now and then another detection takes the object at one threshold.
        lost = (1 << rng.integers(0, THRESHOLDS, len(cell))) * (rng.random(len(cell)) < 0.03)
        sides.append((cell, 1 / (1 + np.exp(-logit)), correct & ~lost))
    first, second = (_evidence(population, cells, objects, open_cell, *side) for side in sides)
    return first, second


def _annotate(population: Population, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Pairs (class, image), int64 [n, 2]: in which images each class is present, and in which it is known to be absent.

    Each image has a class by chance, independent of the others: the images are drawn from a population.
    """
    present, absent = [], []
    for index, expected in enumerate(population.expected):
        count = rng.binomial(population.images, expected / population.images)
        listed = rng.binomial(population.images - count, min(1.0, NEGATIVE * (expected + 5) / population.images))
        images = rng.choice(population.images, count + listed, replace=False)
        pairs = np.stack((np.full(len(images), index), images), 1)
        present.append(pairs[:count])
        absent.append(pairs[count:])
    return np.concatenate(present), np.concatenate(absent)


def _evidence(
    population: Population,
    cells: Ints,
    objects: Ints,
    open_cell: NDArray[np.bool_],
    cell: Ints,
    score: Floats,
    correct: Ints,
) -> Evidence:
    category, image = cells[cell].T
    order = np.lexsort((image, -score, category))
    every = (1 << THRESHOLDS) - 1
    ignored = np.where(open_cell[cell], every & ~correct, 0)
    outcomes = np.zeros((2, len(cell), AREAS), np.uint16)
    outcomes[1] = every
    outcomes[0, :, 0], outcomes[1, :, 0] = correct[order], ignored[order]
    full = np.flatnonzero(objects)
    full = full[np.lexsort((cells[full, 1], cells[full, 0]))]
    counts = np.zeros((len(full), AREAS), np.int32)
    counts[:, 0] = objects[full]
    return Evidence(
        annotations="",
        predictions="",
        image_ids=np.arange(population.images),
        category_ids=np.arange(len(population.frequency)),
        frequency=population.frequency,
        category=category[order].astype(np.int32),
        image=image[order].astype(np.int32),
        score=score[order],
        outcomes={"bbox": Outcomes(outcomes[0], outcomes[1])},
        object_category=cells[full, 0].astype(np.int32),
        object_image=cells[full, 1].astype(np.int32),
        object_count=counts,
    )

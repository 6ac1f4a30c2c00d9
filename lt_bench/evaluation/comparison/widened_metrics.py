"""Resampled metrics that are as wide as they should be, kept in the cache."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lt_bench.data.cache import cache_folder, mark_used
from lt_bench.evaluation.comparison.bootstrap import FOLDER, cached_metrics
from lt_bench.evaluation.comparison.intervals import images_of_classes, widened, widenings
from lt_bench.evaluation.evidence.file import read_evidence
from lt_bench.evaluation.terms import BoxOrMask
from lt_bench.utils.files import sha256_of, write_atomic
from lt_bench.utils.frequency import FREQUENCIES

VERSION = 1  # of what is kept


class ImagesOfClasses(NamedTuple):
    """images: int64 [K], in how many images each class has objects to find. frequency: "r", "c" or "f" of each."""

    images: NDArray[np.int64]
    frequency: str


def widened_metrics(path: Path, kind: BoxOrMask, resamples: int = 1000, seed: int = 0) -> NDArray[np.float64]:
    """COMPARED of an evidence file's run in resamples of its images: float64 [B, M], as intervals need them.

    They are `cached_metrics`, moved away from their means by what the bootstrap lacks where classes have few images.
    Raises UserError for a file that is no evidence.
    """
    return widened(cached_metrics(path, kind, resamples, seed), widenings(*cached_images(path)))


def cached_images(path: Path) -> ImagesOfClasses:
    """Of an evidence file: it takes reading all of it, so the numbers are kept. Raises UserError for no evidence."""
    stored = cache_folder() / FOLDER / f"{sha256_of(path)}_images_v{VERSION}.json"
    found = _stored(stored)
    if found is not None:
        mark_used(stored)
        return found
    evidence = read_evidence(path)
    counted = ImagesOfClasses(images_of_classes(evidence), "".join(evidence.frequency))
    with suppress(OSError):
        write_atomic(stored, [json.dumps([counted.images.tolist(), counted.frequency]).encode()])
    return counted


def _stored(path: Path) -> ImagesOfClasses | None:
    """None where there is no such file, or a damaged one."""
    with suppress(OSError, ValueError, TypeError):
        images, frequency = json.loads(path.read_text(encoding="utf-8"))
        counts = np.array(images)
        if counts.dtype == np.int64 and counts.shape == (len(frequency),) and set(frequency) <= set(FREQUENCIES):
            return ImagesOfClasses(counts, frequency)
    return None

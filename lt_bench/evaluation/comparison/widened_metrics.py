"""Resampled metrics that are as wide as they should be, kept in the cache."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lt_bench.data.cache import cache_folder, mark_used
from lt_bench.evaluation.comparison.bootstrap import FOLDER, cached_metrics
from lt_bench.evaluation.comparison.intervals import images_of_classes, widened, widenings
from lt_bench.evaluation.comparison.resampled_ap import COMPARED
from lt_bench.evaluation.evidence.file import read_evidence
from lt_bench.evaluation.terms import BoxOrMask
from lt_bench.utils.files import sha256_of, write_atomic

VERSION = 1  # of how the factors are computed


def widened_metrics(path: Path, kind: BoxOrMask, resamples: int = 1000, seed: int = 0) -> NDArray[np.float64]:
    """COMPARED of an evidence file's run in resamples of its images: float64 [B, M], as intervals need them.

    They are `cached_metrics`, moved away from their means by what the bootstrap lacks where classes have few images.
    Raises UserError for a file that is no evidence.
    """
    return widened(cached_metrics(path, kind, resamples, seed), _factors(path))


def _factors(path: Path) -> NDArray[np.float64]:
    """`widenings` of the file's images: float64 [M]. They need the whole file, so they are kept."""
    stored = cache_folder() / FOLDER / f"{sha256_of(path)}_widenings_v{VERSION}.json"
    with suppress(OSError, ValueError, TypeError):
        found = np.array(json.loads(stored.read_text(encoding="utf-8")), dtype=np.float64)
        if found.shape == (len(COMPARED),) and (found >= 1).all() and np.isfinite(found).all():
            mark_used(stored)
            return found
    evidence = read_evidence(path)
    factors = widenings(images_of_classes(evidence), evidence.frequency)
    with suppress(OSError):
        write_atomic(stored, [json.dumps(factors.tolist()).encode()])
    return factors

"""The paired bootstrap over images (Efron and Tibshirani 1993): metrics of a run in resampled validation sets."""

from __future__ import annotations

import hashlib
import io
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lt_bench.data.cache import cache_folder, drop_unused, mark_used
from lt_bench.errors import UserError
from lt_bench.evaluation.comparison.resampled_ap import COMPARED, class_ap
from lt_bench.evaluation.evidence.evidence import Evidence
from lt_bench.evaluation.evidence.file import read_evidence
from lt_bench.evaluation.terms import BoxOrMask
from lt_bench.utils.files import sha256_of, write_atomic

VERSION = 1  # of what is computed: raise it when other numbers come out
FOLDER = "resampled"
UNUSED_DAYS = 30.0
DIGEST = 32  # bytes


def draw_images(images: int, resamples: int, seed: int) -> NDArray[np.int32]:
    """How often each image stands in each resample: int32 [resamples, images]; every row adds up to `images`.

    Multinomial: `images` draws with repetition, all images equally likely. They depend on the arguments only, so that
    all runs on the same images get the same resamples. Raises UserError where there is nothing to draw.
    """
    if images < 1 or resamples < 1:
        raise UserError(f"{resamples} resamples of {images} images", "There must be at least one of each.")
    generator = np.random.default_rng(seed)
    drawn = np.empty((resamples, images), dtype=np.int32)
    for row in drawn:
        row[:] = np.bincount(generator.integers(images, size=images), minlength=images)
    return drawn


def resampled_metrics(evidence: Evidence, kind: BoxOrMask, resamples: int = 1000, seed: int = 0) -> NDArray[np.float64]:
    """COMPARED of a run in resamples of its images: float64 [B, M]; NaN where no class of a group is there."""
    weights = draw_images(len(evidence.image_ids), resamples, seed)
    return class_ap(evidence, kind, weights).metrics()


def cached_metrics(path: Path, kind: BoxOrMask, resamples: int = 1000, seed: int = 0) -> NDArray[np.float64]:
    """`resampled_metrics` of an evidence file, which is computed once and kept in the cache folder.

    What is kept is found by the file's content, whatever its name. Raises UserError for a file that is no evidence. A
    cache that is damaged is computed anew, one that can't be written does without.
    """
    try:
        digest = sha256_of(path)
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}", "Name an evidence file.") from error
    key = f"{digest}_{kind}_{resamples}_{seed}_v{VERSION}"
    stored = cache_folder() / FOLDER / f"{key}.npy"
    found = _stored(stored, key)
    if found is not None and found.shape == (resamples, len(COMPARED)):
        mark_used(stored)
        return found
    found = resampled_metrics(read_evidence(path), kind, resamples, seed)
    content = io.BytesIO()
    np.save(content, found)
    with suppress(OSError):
        write_atomic(stored, (content.getvalue(), _digest(key, content.getvalue())))
        drop_unused(stored.parent, UNUSED_DAYS)
    return found


def _stored(path: Path, key: str) -> NDArray[np.float64] | None:
    """The array of an .npy file with the digest of its name and content behind it, which numpy does not read."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    array, digest = content[:-DIGEST], content[-DIGEST:]
    if _digest(key, array) != digest:
        return None
    found: NDArray[np.float64] = np.load(io.BytesIO(array), allow_pickle=False)
    return found


def _digest(key: str, content: bytes) -> bytes:
    return hashlib.sha256(key.encode() + content).digest()

"""A run with its evidence, if that bears the record out. Found out once for the same files, and kept."""

from __future__ import annotations

import hashlib
import logging
from contextlib import suppress
from pathlib import Path

from lt_bench.data.cache import cache_folder, drop_unused, mark_used
from lt_bench.evaluation.evidence.evidence import Evidence
from lt_bench.evaluation.evidence.file import read_evidence
from lt_bench.leaderboard.files import files_of, is_plain
from lt_bench.leaderboard.rows import Run
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.verify import is_verified
from lt_bench.utils.files import sha256_of, write_atomic

logger = logging.getLogger(__name__)

VERSION = 2  # of what is held against what, and of the note; to be raised when that changes
KEPT_FOR = 90  # days without use


def verified_run(path: Path, record: ResultRecord) -> Run:
    """The run of the record at `path`, without evidence where there is none or the record doesn't follow from it.

    A record that names evidence and does not get it is logged as a warning.
    """
    evidence = files_of(path).evidence
    if record.evidence is None:
        return Run(record)
    if not is_plain(evidence):
        logger.warning(f"{path}: its evidence is not there, so that it counts as unverified")
        return Run(record)
    note = cache_folder() / "verified" / f"{VERSION}_{sha256_of(path)}_{sha256_of(evidence)}"
    if note.is_file():
        mark_used(note)
        return Run(record, evidence, note.read_text(encoding="ascii"))
    if not is_verified(path):
        logger.warning(f"{path}: it does not follow from its evidence and counts as unverified; `verify` says why")
        return Run(record)
    truth = truth_digest(read_evidence(evidence))
    with suppress(OSError):  # a cache that can't be written to costs time, no more
        write_atomic(note, [truth.encode()])
        drop_unused(note.parent, KEPT_FOR)
    return Run(record, evidence, truth)


def truth_digest(evidence: Evidence) -> str:
    """Equal for two runs that were measured on the same images, categories and objects: `Evidence.same_truth`."""
    digest = hashlib.sha256("".join(evidence.frequency).encode())
    for name in ("image_ids", "category_ids", "object_category", "object_image", "object_count"):
        values = getattr(evidence, name)
        digest.update(f"{name} {values.dtype.str} {values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()

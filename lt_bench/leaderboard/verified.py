"""The evidence of a record, if it bears the record out. Found out once for the same files, and kept."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

from lt_bench.data.cache import cache_folder, drop_unused, mark_used
from lt_bench.leaderboard.files import files_of
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.verify import is_verified
from lt_bench.utils.files import sha256_of, write_atomic

logger = logging.getLogger(__name__)

VERSION = 1  # of what is held against what; to be raised when that changes
KEPT_FOR = 90  # days without use


def verified_evidence(path: Path, record: ResultRecord) -> Path | None:
    """The evidence file of the record at `path`; None where there is none, or the record doesn't follow from it.

    A record that names evidence and gets None is logged as a warning.
    """
    evidence = files_of(path).evidence
    if record.evidence is None:
        return None
    if not evidence.is_file():
        logger.warning(f"{path}: its evidence is not there, so that it counts as unverified")
        return None
    note = cache_folder() / "verified" / f"{VERSION}_{sha256_of(path)}_{sha256_of(evidence)}"
    if note.is_file():
        mark_used(note)
        return evidence
    if not is_verified(path):
        logger.warning(f"{path}: it does not follow from its evidence and counts as unverified; `verify` says why")
        return None
    with suppress(OSError):  # a cache that can't be written to costs time, no more
        write_atomic(note, [])
        drop_unused(note.parent, KEPT_FOR)
    return evidence

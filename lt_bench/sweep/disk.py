"""Whether the disk has room for what a sweep will write."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from lt_bench.errors import UserError
from lt_bench.sweep.job import Job
from lt_bench.sweep.quota import quota_of
from lt_bench.sweep.state import finished

# Millions of parameters of Mask R-CNN with 1,203 classes; the mask head's last layer and the classifier included.
PARAMETERS = {"r50": 47, "r101": 66, "x101_32x4d": 66, "x101_64x4d": 105}
OF_CASCADE = 36  # millions more
BYTES_PER_PARAMETER = 8  # float32, and the momentum of SGD
CHECKPOINTS = 3  # the last two, and the one that is being written
BYTES_PER_DETECTION = 480  # of predictions: box, score, class, and the mask's run lengths (run/estimate.py measured it)
MOST_DETECTIONS = 300


def needed(jobs: Sequence[Job], detectors: dict[str, tuple[str, str]], images: int, kept: int = 0) -> int:
    """Bytes that the jobs which are not finished will still write, roughly and rather too many.

    detectors: of each job's name, detector and backbone. images: of the validation set. kept: checkpoints of each job
    that stay besides the last ones. Where a job of the same detector and backbone has written a checkpoint already, its
    size is taken instead of the estimate.
    """
    total = 0
    measured: dict[tuple[str, str], int] = {}
    for job in jobs:
        sizes = [path.stat().st_size for path in job.folder.glob("*.pth")]
        if sizes:
            measured[detectors[job.name]] = max(sizes)
    for job in jobs:
        if finished(job) is None:
            detector, backbone = detectors[job.name]
            parameters = 10**6 * (PARAMETERS[backbone] + (OF_CASCADE if detector.startswith("cascade") else 0))
            checkpoint = measured.get((detector, backbone), BYTES_PER_PARAMETER * parameters)
            there = sum(path.stat().st_size for path in job.folder.glob("*") if path.is_file())
            of_predictions = 2 * images * MOST_DETECTIONS * BYTES_PER_DETECTION  # evidence is about as large
            total += max(0, (CHECKPOINTS + kept) * checkpoint + of_predictions - there)
    return total


def refuse_too_little(folder: Path, bytes_needed: int) -> str:
    """A line that says what is needed, what there is, and what a quota leaves. Raises UserError where that is less."""
    place = folder.resolve()
    while not place.exists():
        place = place.parent
    there, quota = free(place), quota_of(place)
    said = f"disk: about {bytes_needed / 2**30:.1f} GiB needed, {there / 2**30:.1f} GiB free in {folder}"
    if quota is not None:
        said += f", {quota.left / 2**30:.1f} GiB left of the quota of {quota.owner}"
        there = min(there, quota.left)
    if there < bytes_needed:
        raise UserError(said, "make room, choose another folder, or go on with --no-disk-check")
    return said


def free(folder: Path) -> int:
    """Bytes that this user may write there: what is reserved for root is not counted."""
    system = os.statvfs(folder)
    return system.f_bavail * system.f_frsize

"""The room that a sweep needs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from made_sweeps import made_sweep
from stand_in import RECORD

from lt_bench.errors import UserError
from lt_bench.sweep import disk


def test_finished_jobs_need_nothing_and_a_written_checkpoint_is_believed(tmp_path: Path) -> None:
    jobs = made_sweep(tmp_path, "", "", "").jobs
    kinds = {job.name: ("mask_rcnn", "r50") for job in jobs}
    of_predictions = 2 * 10 * disk.MOST_DETECTIONS * disk.BYTES_PER_DETECTION
    for job in jobs:
        job.folder.mkdir()
    estimate = disk.needed(jobs, kinds, images=10)
    assert estimate == 3 * (3 * 8 * 47_000_000 + of_predictions)
    assert disk.needed(jobs, kinds, images=10, kept=12) == 3 * (15 * 8 * 47_000_000 + of_predictions)
    (jobs[0].folder / "iter_1.pth").write_bytes(bytes(1000))
    assert disk.needed(jobs, kinds, images=10) == 3 * (3 * 1000 + of_predictions) - 1000
    shutil.copyfile(RECORD, jobs[0].folder / "result.json")
    assert disk.needed(jobs, kinds, images=10) == 2 * (3 * 1000 + of_predictions)


def test_too_little_is_refused_with_both_sizes(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    assert "needed" in disk.refuse_too_little(tmp_path / "not" / "there", 0)
    with pytest.raises(UserError, match=rf"{2 * free / 2**30:.1f} GiB needed"):
        disk.refuse_too_little(tmp_path, 2 * free)

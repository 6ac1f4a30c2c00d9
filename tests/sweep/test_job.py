"""Sweeps in their files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from made_sweeps import made_sweep

from lt_bench.errors import UserError
from lt_bench.sweep.job import read_sweep, sweep_name


def test_the_last_sweep_is_read_and_one_by_name(tmp_path: Path) -> None:
    first, last = made_sweep(tmp_path, "a", name="one"), made_sweep(tmp_path, "b", name="two")
    os.utime(first.path / "sweep.json", (2e9, 2e9))
    assert read_sweep(tmp_path / "sweeps", None) == first
    assert read_sweep(tmp_path / "sweeps", "two") == last
    with pytest.raises(UserError, match="no sweep 'three'"):
        read_sweep(tmp_path / "sweeps", "three")
    with pytest.raises(UserError, match="no sweep"):
        read_sweep(tmp_path, None)


def test_jobs_by_the_beginnings_of_their_names(tmp_path: Path) -> None:
    sweep = made_sweep(tmp_path, "a", "b")
    assert sweep.chosen(("job1",)) == sweep.jobs[1:]
    assert sweep.chosen(()) == sweep.jobs
    for wrong in ("job", "job3"):
        with pytest.raises(UserError, match=repr(wrong)):
            sweep.chosen((wrong,))


def test_a_name_depends_on_the_jobs_and_not_on_their_order(tmp_path: Path) -> None:
    jobs = made_sweep(tmp_path, "a", "b").jobs
    assert sweep_name(jobs) == sweep_name(jobs[::-1]) != sweep_name(jobs[:1])

"""The variables of a job's tasks."""

from __future__ import annotations

import pytest

from lt_bench.sweep import ranks

TASK = {
    "SUBMITIT_EXECUTOR": "slurm",
    "SLURM_JOB_ID": "41",
    "SLURM_ARRAY_JOB_ID": "40",
    "SLURM_ARRAY_TASK_ID": "1",
    "SLURM_NTASKS": "4",
    "SLURM_JOB_NUM_NODES": "2",
    "SLURM_NODEID": "1",
    "SLURM_JOB_NODELIST": "host[7-8]",
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "1",
}


def test_tasks_find_each_other_as_if_torchrun_had_started_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUBMITIT_EXECUTOR", raising=False)
    assert (ranks.environment(), ranks.number(), ranks.job_id()) == ({}, 0, "")
    for name, value in TASK.items():
        monkeypatch.setenv(name, value)
    found = ranks.environment()
    assert (ranks.number(), ranks.job_id(), found["TORCHELASTIC_RUN_ID"]) == (3, "40_1", "40_1")
    assert (found["MASTER_ADDR"], found["WORLD_SIZE"], found["LOCAL_WORLD_SIZE"]) == ("host7", "4", "2")
    assert (found["RANK"], found["LOCAL_RANK"]) == ("3", "1")
    monkeypatch.setenv("SLURM_PROCID", "0")
    assert ranks.environment()["MASTER_PORT"] == found["MASTER_PORT"]
    monkeypatch.setenv("SLURM_NTASKS", "1")
    assert ranks.environment() == {}

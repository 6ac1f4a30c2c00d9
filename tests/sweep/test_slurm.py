"""What SLURM is given and what it says, without one. With one: test_on_slurm.py."""

from __future__ import annotations

import pytest

from lt_bench.errors import UserError
from lt_bench.sweep.job import Settings
from lt_bench.sweep.slurm import _parsed, check_words, parameters


def test_a_job_on_several_nodes_has_a_task_for_each_gpu() -> None:
    several = parameters(Settings(launcher="slurm", gpus=8, nodes=2, slurm={"time": 60, "partition": "a"}), 3)
    assert (several["nodes"], several["ntasks_per_node"], several["gpus_per_node"]) == (2, 8, 8)
    assert (several["time"], several["partition"], several["array_parallelism"]) == (60, "a", 3)
    one = parameters(Settings(launcher="slurm", gpus=8), 1)
    assert (one["nodes"], one["ntasks_per_node"], one["gpus_per_node"]) == (1, 1, 8)
    assert "gpus_per_node" not in parameters(Settings(launcher="slurm"), 1)


@pytest.mark.parametrize("value", ["a\n#SBATCH --uid=0", "a b", "$(id)", "`id`", "'", ""])
def test_a_value_that_would_be_more_in_a_script_is_refused(value: str) -> None:
    with pytest.raises(UserError, match="--partition"):
        check_words({"partition": value})
    check_words({"partition": "gpu,long", "mem": "64GB", "constraint": "a100&(b|c)", "cpus_per_task": 3})


def test_a_queue_by_tasks_of_arrays() -> None:
    assert _parsed("7_3|RUNNING\n12|PENDING\n\n") == {"7_3": "RUNNING", "12": "PENDING"}

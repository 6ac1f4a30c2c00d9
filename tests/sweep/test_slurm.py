"""What SLURM is given and what it says, without one. With one: test_on_slurm.py."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from submitit.slurm.slurm import _make_sbatch_string

from lt_bench.errors import UserError
from lt_bench.sweep.job import Settings
from lt_bench.sweep.slurm import _parsed, check_folder, check_words, parameters


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


def script(folder: Path) -> str:
    """What submitit gives SLURM for a sweep in `folder`."""
    given: dict[str, Any] = {"command": "true", "folder": folder / "%A", "map_count": 2}
    given |= parameters(Settings(launcher="slurm"), 2)
    return str(_make_sbatch_string(**given))


@pytest.mark.parametrize("name", ["a b", "$(touch x)", "`touch x`", "a'; touch x; '", "-x", "数据", "a;b&c|d>e"])
def test_a_folder_is_one_word_of_the_script(tmp_path: Path, name: str) -> None:
    check_folder(tmp_path / name)
    text = script(tmp_path / name)
    outputs = [shlex.split(line)[1] for line in text.splitlines() if line.startswith("#SBATCH --output=")]
    assert outputs == [f"--output={tmp_path}/{name}/%A/%A_%a_0_log.out"]
    subprocess.run(("bash", "-c", f"srun() {{ :; }}\n{text}"), cwd=tmp_path, check=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a\ntouch made", "a\r#SBATCH --uid=0", "%u", "a\\b", "\u2028"])
def test_a_folder_that_would_be_more_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="SLURM can't write to"):
        check_folder(tmp_path / name)

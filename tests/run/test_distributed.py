"""Two processes as torchrun would start them: the others get rank 0's config, also when it fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lt_bench.run import distributed

RANKS = """
import sys
from pathlib import Path
from lt_bench.run import distributed
if distributed.is_rank_zero():
    with distributed.release_ranks_on_error():
        if sys.argv[1] == "fail":
            raise SystemExit("rank 0 can't prepare the run")
        distributed.broadcast_config(Path("work/config.py"))
        distributed.broadcast_config(None)  # sent once
else:
    Path(sys.argv[2]).write_text(str(distributed.receive_config()), encoding="utf-8")
distributed.destroy_process_group()
"""


def test_without_torchrun_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    monkeypatch.setenv("RANK", "3")  # another launcher's
    assert (distributed.world_size(), distributed.is_rank_zero()) == (1, True)
    distributed.init_process_group()
    distributed.broadcast_config(None)


@pytest.mark.slow
@pytest.mark.parametrize(("behaviour", "received"), [("succeed", "work/config.py"), ("fail", "None")])
def test_the_other_rank_hears_of_the_config(tmp_path: Path, behaviour: str, received: str) -> None:
    group = {
        "TORCHELASTIC_RUN_ID": "test",
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(21000 + os.getpid() % 20000),
        "CUDA_VISIBLE_DEVICES": "",
    }
    command = (sys.executable, "-c", RANKS, behaviour, str(tmp_path / "received"))
    ranks = [
        subprocess.Popen(command, env={**os.environ, **group, "RANK": str(rank)}, stderr=subprocess.PIPE, text=True)
        for rank in (0, 1)
    ]
    try:
        errors = [rank.communicate(timeout=100)[1] for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    assert ranks[1].returncode == 0, errors
    assert (ranks[0].returncode == 0) is (behaviour == "succeed"), errors
    assert (tmp_path / "received").read_text(encoding="utf-8") == received

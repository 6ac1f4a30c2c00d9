"""Two hosts, each a network namespace of Linux with a cable between them, that is pulled in the middle of training."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from run_fixtures import command, without_lvis

pytestmark = [pytest.mark.extra, pytest.mark.hosts]
ADDRESSES = ("10.77.0.1", "10.77.0.2")
FIRST = 29511  # port


def ip(*words: str) -> str:
    return subprocess.run(("ip", *words), check=True, capture_output=True, text=True).stdout


def processes(names: tuple[str, str]) -> list[int]:
    """Those that run on either host."""
    return [int(pid) for name in names for pid in ip("netns", "pids", name).split()]


@pytest.fixture
def hosts() -> Iterator[tuple[str, str]]:
    """The names of the two namespaces; their network cards are called as they are."""
    names = (f"lt{os.getpid()}a", f"lt{os.getpid()}b")
    try:
        for name in names:
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no network namespaces here: {error}")
    try:
        ip("link", "add", names[0], "netns", names[0], "type", "veth", "peer", "name", names[1], "netns", names[1])
        for name, address in zip(names, ADDRESSES, strict=True):
            ip("-n", name, "addr", "add", f"{address}/24", "dev", name)
            ip("-n", name, "link", "set", name, "up")
        yield names
    finally:
        for pid in processes(names):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for name in names:
            ip("netns", "del", name)


def start(folder: Path, names: tuple[str, str], rank: int, steps: int) -> subprocess.Popen[bytes]:
    """The command of the second or first host; what it says goes into `host<rank>.log`."""
    torchrun = (
        *("ip", "netns", "exec", names[rank], sys.executable, "-m", "torch.distributed.run", "--nnodes", "2"),
        *("--nproc_per_node", "1", "--rdzv_backend", "c10d", "--rdzv_endpoint", f"{ADDRESSES[0]}:{FIRST}"),
        *("--rdzv_conf", f"is_host={rank == 0}", "--local_addr", ADDRESSES[rank], "-m", "lt_bench"),
    )
    run = command("seesaw", "--dataset", "glyphs", "--max-iters", str(steps), "--checkpoint-every", "5")
    with (folder / f"host{rank}.log").open("ab") as log:
        return subprocess.Popen(
            (*torchrun, *run, "--work-dir", "work"),
            cwd=folder,
            env={**os.environ, **without_lvis(folder), "GLOO_SOCKET_IFNAME": names[rank]},
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def test_a_link_that_goes_down_ends_both_hosts_within_a_minute(tmp_path: Path, hosts: tuple[str, str]) -> None:
    agents = [start(tmp_path, hosts, rank, steps=5000) for rank in (0, 1)]
    deadline = time.monotonic() + 200
    while not list((tmp_path / "work").glob("iter_*.pth")):
        assert all(agent.poll() is None for agent in agents) and time.monotonic() < deadline
        time.sleep(0.2)
    ip("-n", hosts[0], "link", "set", hosts[0], "down")
    down = time.monotonic()
    logs = [tmp_path / f"host{rank}.log" for rank in (0, 1)]
    while not all("not heard of" in log.read_text(encoding="utf-8") for log in logs):
        assert time.monotonic() < down + 60
        time.sleep(0.5)
    for agent in agents:
        agent.kill()  # torchrun may wait for the store that is gone
        agent.wait()
    while processes(hosts):  # the ranks, which end by themselves
        assert time.monotonic() < down + 60
        time.sleep(0.1)
    assert "rank 1 of 2 not heard of" in logs[0].read_text(encoding="utf-8")
    assert "rank 0 of 2 not heard of" in logs[1].read_text(encoding="utf-8")

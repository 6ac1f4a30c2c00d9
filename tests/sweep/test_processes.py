"""Whether a process is still there."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

from lt_bench.sweep.processes import Process, _began


def test_this_process_is_alive_and_another_with_its_id_is_not() -> None:
    this = Process.this()
    assert this.pid == os.getpid() and this.is_alive()
    assert not replace(this, began=f"{this.began}0").is_alive()


def test_an_ended_process_is_not_alive_not_even_before_it_is_waited_for() -> None:
    child = subprocess.Popen((sys.executable, "-c", "input()"), stdin=subprocess.PIPE)
    known = Process(child.pid, _began(child.pid))
    assert known.is_alive()
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not known.is_alive()
    child.communicate()
    assert not known.is_alive()

"""os._exit of a plugin, and of whatever else a process does."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from lt_bench.utils.leaving import OSExit, called, seen_to_leave


def test_it_is_seen_though_a_plugin_catches_exceptions() -> None:
    leave = os._exit
    with pytest.raises(OSExit) as caught, seen_to_leave():
        try:
            os._exit(3)
        except Exception:
            raise AssertionError("a plugin must not keep it") from None
    assert caught.value.code == 3
    assert (called(caught.value), called(SystemExit("so"))) == ("os._exit(3)", "sys.exit('so')")
    assert os._exit is leave


def test_another_process_ends_as_it_wants_to() -> None:
    with seen_to_leave():
        pid = os.fork()
        if pid == 0:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


IN_A_THREAD = """
import os, threading
from lt_bench.utils.leaving import seen_to_leave
with seen_to_leave():
    threading.Thread(target=os._exit, args=(0,)).start()
    threading.Event().wait()
"""


def test_what_ends_the_process_from_a_thread_is_no_success() -> None:
    assert subprocess.run([sys.executable, "-c", IN_A_THREAD]).returncode == 1

"""Requests to stop, by real signals."""

from __future__ import annotations

import os
import signal

import pytest

from lt_bench.errors import StoppedError
from lt_bench.utils.stopping import asked_for, leave_if_requested, requested, stoppable, undisturbed


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGUSR1, 75), (signal.SIGINT, 130)])
def test_a_signal_stops_at_once_where_nothing_is_to_be_saved(number: signal.Signals, code: int) -> None:
    before = signal.getsignal(number)
    with pytest.raises(StoppedError, match=number.name) as caught, stoppable():
        os.kill(os.getpid(), number)
    assert caught.value.code == code
    assert signal.getsignal(number) is before
    assert requested() is None


def test_a_signal_is_noted_where_something_is_to_be_saved(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(StoppedError, match="SIGTERM"), stoppable():
        with asked_for("the training so far"):
            os.kill(os.getpid(), signal.SIGTERM)
            assert requested() == "SIGTERM"
            assert "saving the training so far" in caplog.text
        raise AssertionError("the request came too late to be seen, and is lost")


def test_what_was_saved_goes_before_the_request() -> None:
    with pytest.raises(StoppedError, match=r"iter_5\.pth"), stoppable(), asked_for("the training so far"):
        os.kill(os.getpid(), signal.SIGUSR1)
        raise StoppedError("SIGUSR1", "iter_5.pth has what was done")


def test_ctrl_c_for_the_second_time_leaves_at_once() -> None:
    with pytest.raises(KeyboardInterrupt), stoppable(), asked_for("the training so far"):
        os.kill(os.getpid(), signal.SIGINT)
        assert requested() == "SIGINT"
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("not reached")


def test_a_signal_is_noted_where_nothing_must_be_left_half_done() -> None:
    done = []
    with pytest.raises(StoppedError, match="SIGTERM"), stoppable():
        with undisturbed():
            os.kill(os.getpid(), signal.SIGTERM)
            leave_if_requested()
            done.append("all of it")
        leave_if_requested()
    assert done == ["all of it"]


class AsksWhenItGoes:
    """Sends a signal from its finalizer, where python drops what the signal's handler raises."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_request_that_python_has_dropped_is_not_lost() -> None:
    with pytest.raises(StoppedError), stoppable():
        going = AsksWhenItGoes()
        del going
        leave_if_requested()

"""What doctor says of operators and of OpenCV, and what it fixes."""

from __future__ import annotations

import re

import pytest

from lt_bench.errors import UserError
from lt_bench.run import doctor


class Environment:
    """Operators that are broken until something is installed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, problem: str, after: str = "") -> None:
        self.problem, self.after, self.installed = problem, after, 0
        monkeypatch.setattr(doctor, "_operators_in_use", lambda: ("some 1.0", self.problem))
        monkeypatch.setattr(doctor, "install", self.install)

    def install(self, source: str) -> str:
        self.problem = self.after
        self.installed += 1
        return "compiled"


def test_operators_that_work_are_named_and_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = Environment(monkeypatch, problem="")
    assert doctor._operators(fix=True) == doctor.Finding("operators", "some 1.0")
    assert environment.installed == 0


def test_missing_operators_are_fixed_unless_only_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = Environment(monkeypatch, problem="No module named 'mmcv._ext'")
    looked = doctor._operators(fix=False)
    assert (looked.ok, looked.needed, environment.installed) == (False, True, 0)
    assert "mmcv._ext" in looked.state and "lt_bench doctor" in looked.remedy
    fixed = doctor._operators(fix=True)
    assert (fixed.ok, fixed.state) == (True, "some 1.0 (fixed)")


def test_what_cant_be_fixed_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = Environment(monkeypatch, problem="broken", after="still broken")
    assert doctor._operators(fix=True) == doctor.Finding("operators", "still broken", False, remedy=doctor.SET_UP)

    def refuse(source: str) -> str:
        raise UserError("there is no compiler", "install one")

    environment.problem = "broken"
    monkeypatch.setattr(doctor, "install", refuse)
    found = doctor._operators(fix=True)
    assert (found.ok, found.state, found.remedy) == (False, "there is no compiler", "install one")


@pytest.mark.slow
def test_operators_are_looked_at_in_a_process_of_their_own() -> None:
    state, problem = doctor._operators_in_use()
    assert problem == ""
    assert re.fullmatch(r".+ [\d.+a-z]+; (CPU only|CUDA \d+\.\d+)", state)


def test_an_opencv_that_cant_be_imported_is_named_with_all_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor._opencv().ok

    def fail(name: str) -> None:
        raise ImportError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr(doctor.importlib, "import_module", fail)
    found = doctor._opencv()
    assert not found.ok
    assert "libGL.so.1" in found.state
    assert "uninstall -y opencv-python-headless; pip install --no-deps opencv-python-headless" in found.remedy


def test_missing_data_says_where_it_was_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LT_BENCH_DATA", "/nowhere")
    found = doctor._data(None)
    assert (found.ok, found.needed) == (False, False)
    assert "  /nowhere/annotations: no such folder" in found.remedy.splitlines()
    assert "--data-root" in found.remedy


def test_the_system_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_package", "_operators", "_opencv", "_gpu", "_data", "_losses"):
        monkeypatch.setattr(doctor, name, lambda *arguments: doctor.Finding("other", ""))
    monkeypatch.setattr(doctor, "_weights", list)
    first = doctor.examine(None)[0]
    assert (first.what, first.ok) == ("system", True)
    monkeypatch.setattr(doctor.system, "is_supported", lambda: False)
    first = doctor.examine(None)[0]
    assert not first.ok and first.needed
    assert "Windows through WSL" in first.state and "wsl --install" in first.remedy

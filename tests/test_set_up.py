"""The set-up script: a complete lock, and failures that say which step and why."""

from __future__ import annotations

import importlib.util
import re
import sys
from importlib.metadata import distributions, requires, version
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
# Declared by a package that works without them: a second OpenCV, a build tool, an extra of imaug.
LEFT_OUT = {"opencv-python", "cython", "imagecorruptions-imaug"}
OF_TORCH = re.compile(r"^(nvidia-|cuda-|triton|setuptools)")  # torch pins its own CUDA packages


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("set_up", ROOT / "tools" / "set_up.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "LOG", tmp_path / "log")
    return module


def test_every_pin_is_what_is_installed(script: ModuleType) -> None:
    pins = script.read_pins()
    if importlib.util.find_spec("torchvision") is None:
        del pins["torchvision"]  # it can't be loaded beside a CPU build of torch, so the set-up removes it
    assert {name: version(name).partition("+")[0] for name in pins} == pins


def test_whatever_a_pinned_package_needs_is_pinned(script: ModuleType) -> None:
    pins = script.read_pins()
    for name in pins.keys() - {"torchvision"}:
        for requirement in map(Requirement, requires(name) or ()):
            needed = re.sub(r"[-_.]+", "-", requirement.name).lower()
            if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
                continue
            assert needed in pins or needed in LEFT_OUT or OF_TORCH.match(needed), f"{name} needs {needed}"


def test_one_opencv_is_installed_the_headless_one() -> None:
    found = {(distribution.metadata["Name"] or "").lower() for distribution in distributions()}
    assert {name for name in found if name.startswith("opencv")} == {"opencv-python-headless"}


def test_a_step_that_fails_says_which_and_why(script: ModuleType) -> None:
    with pytest.raises(script.StepError) as caught:
        script.step("turning lead into gold", sys.executable, "-c", "raise SystemExit('no philosopher here')")
    assert "turning lead into gold (exit code 1" in str(caught.value)
    assert "no philosopher here" in str(caught.value)


def test_a_machine_that_lacks_something_is_told(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    script.check_machine("")  # torchvision's operators need none
    with pytest.raises(script.StepError, match="there is no 'no-such-compiler'; install one"):
        script.check_machine("compiled")
    with pytest.raises(script.StepError, match="LT_BENCH_OPERATORS is 'conda'"):
        script.check_machine("conda")
    monkeypatch.setattr(script.sys, "version_info", (3, 9, 1))
    with pytest.raises(script.StepError, match=r"this is Python 3\.9\.1"):
        script.check_machine("")


def test_nothing_is_done_twice(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stamp = tmp_path / "stamp"
    stamp.write_text(script.state(), encoding="utf-8")
    monkeypatch.setattr(script, "STAMP", stamp)
    monkeypatch.setattr(script, "set_up", lambda chosen: pytest.fail("set up again"))
    monkeypatch.delenv("LT_BENCH_OPERATORS", raising=False)
    assert script.main() == 0


def test_another_choice_of_operators_sets_up_again(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp = tmp_path / "stamp"
    made: list[str] = []
    stamp.write_text(f"{script.state()}\ncompiled", encoding="utf-8")
    monkeypatch.setattr(script, "STAMP", stamp)
    monkeypatch.setattr(script, "set_up", made.append)
    for chosen in ("compiled", "", "torchvision"):
        monkeypatch.setenv("LT_BENCH_OPERATORS", chosen)
        assert script.main() == 0
    assert made == ["torchvision"]

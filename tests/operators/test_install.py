"""Operators are put into the environment in the order of their cost, and over nothing that works."""

from __future__ import annotations

from pathlib import Path

import pytest

from lt_bench.errors import UserError
from lt_bench.operators import in_use, install
from lt_bench.operators.finder import STAND_IN


def test_nothing_is_installed_over_a_compiled_mmcv(mmcv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "mmcv_folder", lambda: mmcv)
    (mmcv / "_ext.cpython.so").write_bytes(b"")
    monkeypatch.setattr(install, "_problem", lambda code, source="": "")
    assert install.install() == "mmcv"
    with pytest.raises(UserError, match=r"(?s)goes first.*--force-reinstall onedl-mmcv=="):
        install.install("torchvision")
    monkeypatch.setattr(install, "_problem", lambda code, source="": "undefined symbol")
    with pytest.raises(UserError, match=r"(?s)undefined symbol.*--force-reinstall"):
        install.install()


def test_operators_are_installed_in_the_order_of_their_cost(mmcv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (mmcv / "_ext.py").unlink()
    broken = {"torchvision": "another torch", "compiled": "not compiled"}
    compiled: list[str] = []
    monkeypatch.setattr(install, "mmcv_folder", lambda: mmcv)
    monkeypatch.setattr(install, "problem_of", lambda source: broken[source])
    monkeypatch.setattr(install, "_compile", compiled.append)
    assert install.install() == "compiled"
    assert compiled == ["another torch"]
    assert (mmcv / "_ext.py").read_bytes() == STAND_IN.read_bytes()
    with pytest.raises(UserError, match="torchvision's operators can't be used: another torch"):
        install.install("torchvision")
    broken["torchvision"] = ""
    assert install.install() == "torchvision"
    assert len(compiled) == 1
    with pytest.raises(UserError, match="installed without its operators"):
        install.install("mmcv")
    with pytest.raises(UserError, match="no operators by 'conda'"):
        install.install("conda")


def test_a_compiler_is_asked_for_only_where_one_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(UserError, match=r"(?s)another torch.*no C\+\+ compiler 'no-such-compiler'.*apt-get install"):
        install._compile("another torch")


@pytest.mark.slow
def test_operators_that_answer_wrongly_are_not_used() -> None:
    source = in_use().source
    assert install.problem_of(source) == ""
    problem = install._problem(install.PROBE.replace("[1, 2]", "[0, 1, 2]"), source)
    assert problem.startswith("AssertionError")


def test_of_a_long_error_the_first_line_is_the_reason() -> None:
    code = "raise NotImplementedError('no kernel for CUDA\\n\\nCPU: registered at a.cpp\\nMeta: registered at b.cpp')"
    assert install._problem(code) == "NotImplementedError: no kernel for CUDA"


def test_a_file_that_is_right_is_left_alone(mmcv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in an environment that can't be written to."""

    def refuse(path: Path, content: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(install, "mmcv_folder", lambda: mmcv)
    monkeypatch.setattr(install, "write_atomic", refuse)
    install._put_stand_in()
    (mmcv / "_ext.py").write_text("of another version", encoding="utf-8")
    with pytest.raises(UserError, match="can't be written: Permission denied"):
        install._put_stand_in()

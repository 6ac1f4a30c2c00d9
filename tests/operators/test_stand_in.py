"""What `import mmcv._ext` finds, and what happens where it finds nothing."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import SimpleNamespace

import pytest

from lt_bench.errors import UserError
from lt_bench.operators import Operators, by_compiler, in_use, install
from lt_bench.operators.choose import MissingOperatorError, load
from lt_bench.operators.finder import STAND_IN


def python(code: str, path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "-c", code),
        cwd=path,
        env={**os.environ, "PYTHONPATH": str(path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def mmcv(tmp_path: Path) -> Path:
    """A package of mmcv's name with the stand-in and nothing else."""
    folder = tmp_path / "mmcv"
    folder.mkdir()
    (folder / "__init__.py").write_text("", encoding="utf-8")
    shutil.copyfile(STAND_IN, folder / "_ext.py")
    return folder


def test_what_mmcv_compiled_goes_first(mmcv: Path) -> None:
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    (mmcv / f"_ext{suffix}").write_bytes(b"no library")
    done = python("import mmcv._ext", mmcv.parent)
    assert done.returncode == 1
    assert f"_ext{suffix}" in done.stderr  # it was tried, and is no library


@pytest.mark.slow
def test_without_any_operators_the_reasons_and_the_remedy_are_named(mmcv: Path) -> None:
    (mmcv.parent / "torchvision.py").write_text("raise RuntimeError('another torch')", encoding="utf-8")
    done = python("import mmcv._ext", mmcv.parent, LT_BENCH_OPERATORS="")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    for part in ("torchvision: RuntimeError: another torch", "compiled: FileNotFoundError", "lt_bench doctor"):
        assert part in last


@pytest.mark.parametrize(("chosen", "message"), [("mmcv", "installed without its operators"), ("conda", "is one of")])
def test_a_choice_that_is_not_here_is_refused(chosen: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LT_BENCH_OPERATORS", chosen)
    with pytest.raises(ImportError, match=message):
        load()


@pytest.mark.slow
def test_mmdet_can_be_imported_before_lt_bench(tmp_path: Path) -> None:
    done = python("import mmdet.models, mmcv._ext; print(mmcv._ext.__file__)", tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_without_a_file_lt_bench_stands_in_before_it_imports_mmdet(tmp_path: Path) -> None:
    """As after an editable installation: nothing was written into mmcv's folder."""
    real = Path(importlib.import_module("mmcv").__file__).parent  # type: ignore[arg-type]
    (tmp_path / "mmcv").mkdir()
    for entry in real.iterdir():
        if not entry.name.startswith("_ext") and entry.name != "__pycache__":
            (tmp_path / "mmcv" / entry.name).symlink_to(entry)
    code = "import lt_bench.detector, mmcv._ext as found; print(found.__file__)"
    done = python(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(STAND_IN)
    alone = python("import mmdet.models", tmp_path)
    assert "No module named 'mmcv._ext'" in alone.stderr


def test_another_operator_fails_when_it_is_called_and_says_why() -> None:
    if in_use().source == "mmcv":
        pytest.skip("all of mmcv is compiled")
    import torch
    from mmcv.ops import box_iou_rotated

    with pytest.raises(MissingOperatorError) as caught:
        box_iou_rotated(torch.zeros(1, 5), torch.zeros(1, 5))
    assert "'box_iou_rotated' is not among the operators by" in caught.value.message
    assert "make venv" in caught.value.remedy


def test_operators_are_named_as_records_show_them() -> None:
    assert str(Operators("torchvision", "0.28.0", "13.0", False, False, "")) == "torchvision 0.28.0"
    assert str(Operators("compiled", "2.3.6", None, True, True, "")) == "compiled from mmcv 2.3.6"


def test_only_mmcvs_own_roi_align_needs_contiguous_features() -> None:
    found = {name: Operators(name, "1", None, True, True, "").reads_channels_last for name in ("compiled", "mmcv")}
    assert found == {"compiled": True, "mmcv": False}


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


def test_another_torch_or_other_sources_have_a_library_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    before = by_compiler.library()
    assert by_compiler.library() == before
    monkeypatch.setattr(by_compiler, "mmcv_version", lambda: "2.3.7")
    assert by_compiler.library() != before


@pytest.mark.slow
def test_a_broken_torchvision_is_hidden_from_those_who_try_it(tmp_path: Path) -> None:
    """mmengine's report of the environment expects it to be whole or absent."""
    if in_use().source != "compiled":
        pytest.skip("needs compiled operators")
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('another torch')", encoding="utf-8")
    code = "import lt_bench.detector; from mmengine.utils.dl_utils import collect_env; print(collect_env()['PyTorch'])"
    done = python(code, tmp_path, LT_BENCH_OPERATORS="")
    assert done.returncode == 0, done.stderr


def test_a_choice_against_a_compiled_mmcv_is_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    own = SimpleNamespace(get_compiling_cuda_version=lambda: "not available")
    monkeypatch.setattr(importlib, "import_module", lambda name: own)
    monkeypatch.setenv("LT_BENCH_OPERATORS", "")
    assert in_use().source == "mmcv"
    monkeypatch.setenv("LT_BENCH_OPERATORS", "torchvision")
    with pytest.raises(ImportError, match="LT_BENCH_OPERATORS=torchvision, but mmcv is compiled as a whole"):
        in_use()

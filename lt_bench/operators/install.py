"""Puts the operators into the environment, so that any code that imports mmcv finds them.

`python -m lt_bench.operators` does it; the set-up and `lt_bench doctor` call it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from lt_bench.errors import UserError
from lt_bench.operators.choose import ALL_OF_MMCV, CHOICE_VARIABLE, SOURCES
from lt_bench.operators.finder import STAND_IN
from lt_bench.operators.place import DISTRIBUTION, mmcv_folder, mmcv_version
from lt_bench.utils.files import write_atomic

# Asked in a process of its own: a torchvision of another torch may end it, and leaves half of itself imported.
PROBE = """
import sys, torch
from lt_bench.operators import by_compiler, by_torchvision
kernels = {"compiled": by_compiler, "torchvision": by_torchvision}[sys.argv[1]].load()
options = {"aligned_height": 2, "aligned_width": 2, "spatial_scale": 1.0, "sampling_ratio": 0}
options |= {"pool_mode": 1, "aligned": True}
for device in ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]:
    boxes = torch.tensor([[0., 0., 9., 9.], [0., 0., 9., 8.], [5., 5., 30., 30.]], device=device)
    kept = kernels.nms(boxes, torch.tensor([0.2, 0.9, 0.5], device=device), 0.5, 0)
    assert kept.tolist() == [1, 2], kept
    image = torch.ones(1, 2, 8, 8, device=device)
    rois = torch.tensor([[0., 1., 1., 5., 5.]], device=device)
    output, none, grad = image.new_zeros(1, 2, 2, 2), image.new_zeros(0), torch.zeros_like(image)
    kernels.roi_align_forward(image, rois, output, none, none, **options)
    assert torch.allclose(output, torch.ones_like(output)), output
    kernels.roi_align_backward(torch.ones_like(output), rois, none, none, grad, **options)
    assert abs(float(grad.sum()) - 8) < 1e-3, grad
"""
PROBE_OF_MMCV = """
import torch, mmcv._ext
if torch.cuda.is_available() and mmcv._ext.get_compiling_cuda_version() == "not available":
    raise RuntimeError("compiled for CPUs only, and there is a GPU")
"""
# Only the first line of an error is for people: those of torch go on with every backend that there is.
FRAME = """
import sys
try:
    exec(sys.argv[2])
except Exception as error:
    sys.exit(f"{type(error).__name__}: " + (str(error).strip().splitlines() or [""])[0])
"""


def install(source: str = "") -> str:
    """Put operators into the environment and return where they are from: "torchvision", "compiled" or "mmcv".

    source: the one to use; "" for whatever is there or can be had, mmcv's own first, then torchvision's, then compiled
    ones. Raises UserError when that one, or all of them, can't be had.
    """
    if source and source not in SOURCES:
        raise UserError(f"there are no operators by {source!r}", f"use one of {', '.join(SOURCES)}")
    if compiled_mmcv():
        if source not in ("", "mmcv"):
            raise UserError("mmcv is compiled as a whole here, which goes first", _remove_mmcvs_own())
        if problem := _problem_of_mmcv():
            raise UserError(f"mmcv's compiled operators can't be used: {problem}", _remove_mmcvs_own())
        return "mmcv"
    if source == "mmcv":
        raise UserError("mmcv is installed without its operators", ALL_OF_MMCV)
    reason = "" if source == "compiled" else problem_of("torchvision")
    if not reason and source != "compiled":
        chosen = "torchvision"
    elif source == "torchvision":
        raise UserError(f"torchvision's operators can't be used: {reason}", "install the torchvision of this torch")
    else:
        if problem_of("compiled"):
            _compile(reason)
        chosen = "compiled"
    _put_stand_in()
    return chosen


def _put_stand_in() -> None:
    if stand_in().is_file() and stand_in().read_bytes() == STAND_IN.read_bytes():
        return
    try:
        write_atomic(stand_in(), [STAND_IN.read_bytes()])  # another process may be importing it
    except OSError as error:
        raise UserError(f"{stand_in()} can't be written: {error.strerror}", "use an environment of your own") from error


def stand_in() -> Path:
    """The file that `import mmcv._ext` finds where mmcv is not compiled as a whole."""
    return mmcv_folder() / "_ext.py"


def compiled_mmcv() -> Path | None:
    """mmcv's own extension module, when it is compiled."""
    return next((path for path in sorted(mmcv_folder().glob("_ext.*")) if path.suffix in (".so", ".pyd")), None)


def _remove_mmcvs_own() -> str:
    """The command that takes a compiled mmcv out of the environment and has lt_bench's operators stand in."""
    return (
        f"{sys.executable} -m pip install --no-deps --no-cache-dir --force-reinstall {DISTRIBUTION}=={mmcv_version()}; "
        "lt_bench doctor"
    )


def _problem_of_mmcv() -> str:
    """Why mmcv's own extension module can't be used, most often because it was compiled for another torch."""
    return _problem(PROBE_OF_MMCV)


def problem_of(source: str) -> str:
    """Why the operators of a source can't be used here, or "" when they give what they should, on the GPU too."""
    return _problem(PROBE, source)


def _problem(code: str, source: str = "") -> str:
    environment = {**os.environ, CHOICE_VARIABLE: source}
    command = (sys.executable, "-c", FRAME, source, code)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode == 0:
        return ""
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"


def _compile(reason: str) -> None:
    import torch

    why = f" (torchvision's can't be used: {reason})" if reason else ""
    if torch.cuda.is_available():
        raise UserError(
            f"there is a GPU, and the operators compiled from four files are for CPUs{why}",
            f"install the torchvision of torch {torch.__version__}, or {ALL_OF_MMCV}",
        )
    compiler = os.environ.get("CXX", "c++")
    if shutil.which(compiler) is None:
        raise UserError(
            f"the operators must be compiled{why}, and there is no C++ compiler {compiler!r}",
            "install one (Debian: apt-get install g++), or the torchvision of this torch",
        )
    if not os.access(mmcv_folder(), os.W_OK):
        raise UserError(
            f"the operators must be compiled{why}, and {mmcv_folder()} can't be written to",
            "use an environment of your own, or install the torchvision of this torch",
        )
    from lt_bench.operators.by_compiler import compile_library

    try:
        compile_library()
    except Exception as error:  # whatever the compiler or the linker stumbles over
        raise UserError(f"the operators can't be compiled{why}: {error}", ALL_OF_MMCV) from error
    if problem := problem_of("compiled"):
        raise UserError(f"the compiled operators can't be used: {problem}", ALL_OF_MMCV)

"""nms and RoIAlign compiled from four of mmcv's own C++ files, for CPUs: seconds instead of all of mmcv's minutes.

The files come with mmcv's pure wheel. They are one translation unit with `operators.cpp`, so that torch's headers,
which take nearly all of the time, are read once.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path

import torch

from lt_bench.operators import in_parallel
from lt_bench.operators.choose import ALL_OF_MMCV, Kernels
from lt_bench.operators.place import mmcv_folder, mmcv_version

SOURCE = Path(__file__).with_name("operators.cpp")
LIBRARY = "_lt_bench_operators_{}.so"


def library() -> Path:
    """Where the library of this torch, this mmcv and these sources is, or will be: beside mmcv."""
    made_of = SOURCE.read_bytes() + f"{torch.__version__} {mmcv_version()}".encode()
    return mmcv_folder() / LIBRARY.format(hashlib.sha256(made_of).hexdigest()[:12])


def load() -> Kernels:
    """Raises FileNotFoundError when nothing was compiled for this torch and mmcv."""
    path = library()
    if not path.is_file():
        raise FileNotFoundError(f"{path} has not been compiled")
    torch.ops.load_library(str(path))  # type: ignore[no-untyped-call]
    kernels = torch.ops.lt_bench_mmcv
    return Kernels(
        source="compiled",
        version=mmcv_version(),
        nms=kernels.nms,
        roi_align_forward=in_parallel.forward(kernels.roi_align_forward),
        roi_align_backward=in_parallel.backward(kernels.roi_align_backward),
        cuda_version=lambda: "not available",
        further={"softnms": kernels.softnms},
        max_pooling=True,
        remedy=ALL_OF_MMCV,
    )


def compile_library() -> Path:
    """Compile the library and put it in its place; an earlier one stays until the new one is whole.

    Raises RuntimeError with the compiler's words when it fails, or when there is no compiler.
    """
    from torch.utils.cpp_extension import load as build

    csrc = mmcv_folder() / "ops" / "csrc"
    # torch asks for ninja by name, and an environment that isn't activated has it beside its Python only
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    with tempfile.TemporaryDirectory(dir=mmcv_folder()) as folder:
        build(
            name="lt_bench_operators",
            sources=[str(SOURCE)],
            extra_include_paths=[str(csrc / "common"), str(csrc / "pytorch")],
            extra_cflags=["-O3", "-w"],  # without -O3 the kernels are several times slower
            build_directory=folder,
            with_cuda=False,
            is_python_module=False,
        )
        os.replace(Path(folder) / "lt_bench_operators.so", library())
    for earlier in mmcv_folder().glob(LIBRARY.format("*")):
        if earlier != library():
            earlier.unlink()
    return library()

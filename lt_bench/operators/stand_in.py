"""Stands in for the operators that mmcv was installed without. Put here as mmcv/_ext.py by lt_bench.

What mmcv compiles itself (mmcv/_ext.*.so) is found before this file.
"""

from lt_bench.operators.extension import (
    __getattr__,
    get_compiler_version,
    get_compiling_cuda_version,
    kernels,
    nms,
    roi_align_backward,
    roi_align_forward,
)

__all__ = [
    "__getattr__",
    "get_compiler_version",
    "get_compiling_cuda_version",
    "kernels",
    "nms",
    "roi_align_backward",
    "roi_align_forward",
]

"""What `import mmcv._ext` finds where mmcv has not compiled it: the operators in use, and an error for the others.

Names and arguments are those of mmcv 2's extension module, which calls them by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from lt_bench.operators.choose import MissingOperatorError, load

kernels = load()

nms = kernels.nms
roi_align_forward = kernels.roi_align_forward
roi_align_backward = kernels.roi_align_backward


def get_compiler_version() -> str:
    return "none"


def get_compiling_cuda_version() -> str:
    return kernels.cuda_version()


def __getattr__(name: str) -> Callable[..., NoReturn]:
    """mmcv asks for about 200 operators when it is imported; those that are not here must fail only when called."""
    if name.startswith("__"):
        raise AttributeError(name)
    if name in kernels.further:
        found: Callable[..., Any] = kernels.further[name]
        return found

    def missing(*arguments: Any, **named: Any) -> NoReturn:
        raise MissingOperatorError(name, kernels)

    return missing

"""Which operators run in this process."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass

from lt_bench.operators.choose import CHOICE_VARIABLE
from lt_bench.operators.finder import provide
from lt_bench.operators.place import mmcv_version


@dataclass(frozen=True)
class Operators:
    """source: "torchvision", "compiled" or "mmcv". version: of torchvision, or of the mmcv whose sources they are.

    cuda: the CUDA version that they were built for, or None when they run on CPUs only. soft_nms, max_pooling: whether
    there are soft-NMS and RoIAlign with pool_mode="max". remedy: where to get what is missing.
    """

    source: str
    version: str
    cuda: str | None
    soft_nms: bool
    max_pooling: bool
    remedy: str

    @property
    def reads_channels_last(self) -> bool:
        """mmcv's own RoIAlign on a CPU reads such features as if they were contiguous, and is silently wrong."""
        return self.source != "mmcv"

    def __str__(self) -> str:
        what = {"torchvision": "torchvision", "compiled": "compiled from mmcv", "mmcv": "mmcv"}[self.source]
        return f"{what} {self.version}"


def in_use() -> Operators:
    """The operators that mmcv calls. Raises ImportError when it has none."""
    provide()
    extension = importlib.import_module("mmcv._ext")
    kernels = getattr(extension, "kernels", None)  # mmcv's own module has no such name
    chosen = os.environ.get(CHOICE_VARIABLE, "")
    if kernels is None and chosen not in ("", "mmcv"):
        raise ImportError(f"{CHOICE_VARIABLE}={chosen}, but mmcv is compiled as a whole here, which goes first")
    cuda = extension.get_compiling_cuda_version()
    return Operators(
        source=kernels.source if kernels else "mmcv",
        version=kernels.version if kernels else mmcv_version(),
        cuda=None if cuda == "not available" else cuda,
        soft_nms=kernels is None or "softnms" in kernels.further,
        max_pooling=kernels is None or kernels.max_pooling,
        remedy=kernels.remedy if kernels else "",
    )

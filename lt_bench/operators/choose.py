"""Which kernels stand in for mmcv's: torchvision's if it can be loaded, else those compiled from mmcv's C++ files."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lt_bench.errors import UserError

CHOICE_VARIABLE = "LT_BENCH_OPERATORS"
SOURCES = ("torchvision", "compiled", "mmcv")
REMEDY = "`lt_bench doctor` says what can be done about it"
ALL_OF_MMCV = "LT_BENCH_OPERATORS=mmcv make venv compiles all of mmcv in a checkout"


@dataclass(frozen=True)
class Kernels:
    """nms, roi_align_forward and roi_align_backward take what mmcv's extension module takes.

    source: "torchvision" or "compiled". version: of what they come from. cuda_version: "13.0", or "not available".
    further: other operators of mmcv, by name. max_pooling: whether RoIAlign can take the maximum instead of the mean.
    remedy: where to get what is missing.
    """

    source: str
    version: str
    nms: Callable[..., Any]
    roi_align_forward: Callable[..., None]
    roi_align_backward: Callable[..., None]
    cuda_version: Callable[[], str]
    remedy: str
    further: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    max_pooling: bool = False


class MissingOperatorError(UserError):
    """An operator of mmcv was called that is not there."""

    def __init__(self, name: str, kernels: Kernels) -> None:
        super().__init__(f"mmcv's operator {name!r} is not among the operators by {kernels.source}", kernels.remedy)


def _hide_a_broken_torchvision() -> None:
    """Have `import torchvision` fail as where there is none, if it can't be loaded.

    mmengine tries it at the start of each run, and expects no other failure.
    """
    try:
        importlib.import_module("torchvision")
    except Exception:  # of another torch, or half of it there
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        sys.modules["torchvision"] = None  # type: ignore[assignment]


def load() -> Kernels:
    """The kernels that $LT_BENCH_OPERATORS names; without it, the first ones that can be loaded.

    Raises ImportError, with the reason for each, when there are none.
    """
    from lt_bench.operators import by_compiler, by_torchvision

    known = {"torchvision": by_torchvision.load, "compiled": by_compiler.load}
    chosen = os.environ.get(CHOICE_VARIABLE, "")
    if chosen == "mmcv":
        raise ImportError(f"{CHOICE_VARIABLE}=mmcv, but mmcv is installed without its operators; {REMEDY}")
    if chosen and chosen not in known:
        raise ImportError(f"{CHOICE_VARIABLE}={chosen!r}: it is one of {', '.join(SOURCES)}")
    reasons = []
    for source in (chosen,) if chosen else known:
        try:
            found = known[source]()
            if source == "compiled":
                _hide_a_broken_torchvision()
            return found
        except Exception as error:  # a broken or mismatched binary fails in any way
            reasons.append(f"{source}: {type(error).__name__}: {error}")
    raise ImportError("mmcv's operators are not here, and nothing stands in for them; " + "; ".join([*reasons, REMEDY]))

"""The operators that Mask R-CNN needs of mmcv (nms, RoIAlign), without compiling all of mmcv.

mmcv installed as its pure wheel lacks `mmcv._ext`. What stands there instead is `extension`, which takes the kernels
from torchvision (`by_torchvision`, precompiled, CPU and CUDA) or from four of mmcv's C++ files (`by_compiler`, CPU).
Where mmcv was compiled as a whole, its own extension module is found first, and nothing here is used.
"""

from __future__ import annotations

from lt_bench.operators.choose import CHOICE_VARIABLE
from lt_bench.operators.current import Operators, in_use
from lt_bench.operators.finder import provide

__all__ = ["CHOICE_VARIABLE", "Operators", "in_use", "provide"]

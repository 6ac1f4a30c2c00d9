"""Makes `mmcv._ext` importable in this process where no file does: a fallback for editable and older installations."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

NAME = "mmcv._ext"
STAND_IN = Path(__file__).with_name("stand_in.py")


class _Finder(MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        return importlib.util.spec_from_file_location(name, STAND_IN) if name == NAME else None


def provide() -> None:
    """Have the stand-in found after whatever mmcv or its folder has. Repeated calls do nothing.

    Call it before anything imports mmcv.ops.
    """
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())

"""Where the installed mmcv lies, found without importing it."""

from __future__ import annotations

import importlib.util
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

DISTRIBUTION = "onedl-mmcv"


def mmcv_folder() -> Path:
    """Raises ImportError when mmcv is not installed."""
    spec = importlib.util.find_spec("mmcv")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("mmcv is not installed")
    return Path(next(iter(spec.submodule_search_locations)))


def mmcv_version() -> str:
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "unknown"

"""Packages that only some configs need: logging backends. They are missed before a run, not in the middle of it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lt_bench.errors import UserError

if TYPE_CHECKING:
    from mmengine.config import Config

# A backend of mmengine, and the modules of which it needs one. Each is named as its package.
_NEEDED = {
    "TensorboardVisBackend": ("tensorboard",),  # mmengine writes through torch.utils.tensorboard
    "WandbVisBackend": ("wandb",),
    "MLflowVisBackend": ("mlflow",),
    "ClearMLVisBackend": ("clearml",),
    "NeptuneVisBackend": ("neptune",),
    "DVCLiveVisBackend": ("dvclive",),
    "AimVisBackend": ("aim",),
}


def refuse_missing_packages(cfg: Config) -> None:
    """Raises UserError, one line with the command for pip, when the config asks for a package that is not there.

    And for a module of `custom_imports` that can't be found.
    """
    for kind in _types(cfg.to_dict()):
        modules = _NEEDED.get(kind.rpartition(".")[2], ())
        if modules and not any(map(_is_there, modules)):
            raise UserError(f"{kind} needs the package {modules[0]}, which is not installed: pip install {modules[0]}")
    _refuse_missing_imports(cfg.get("custom_imports"))


def _refuse_missing_imports(imports: Any) -> None:
    named = imports.get("imports") if isinstance(imports, Mapping) else None
    for module in [named] if isinstance(named, str) else list(named or ()):
        if module not in sys.modules and not _is_there(str(module)) and not imports.get("allow_failed_imports"):
            raise UserError(
                f"custom_imports names the module {module!r}, which is not found", "set PYTHONPATH to its folder"
            )


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _types(node: Any) -> Iterator[str]:
    """Every type that a config names."""
    if isinstance(node, Mapping) and isinstance(node.get("type"), str):
        yield node["type"]
    for child in node.values() if isinstance(node, Mapping) else node if isinstance(node, list | tuple) else ():
        yield from _types(child)

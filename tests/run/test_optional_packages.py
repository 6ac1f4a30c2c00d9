"""A logging backend whose package is not installed: one line with the command, before anything is computed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from experiments import resolved

from lt_bench.errors import UserError
from lt_bench.run.optional_packages import refuse_missing_packages


@pytest.mark.parametrize(
    ("backend", "package"), [("TensorboardVisBackend", "tensorboard"), ("mmengine.WandbVisBackend", "wandb")]
)
def test_a_missing_package_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str, package: str
) -> None:
    visualizer = {"type": "DetLocalVisualizer", "vis_backends": [{"type": "LocalVisBackend"}, {"type": backend}]}
    cfg, _ = resolved(tmp_path, overrides={"+visualizer": visualizer})
    there: set[str] = set()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if name in there else None)
    with pytest.raises(UserError) as caught:
        refuse_missing_packages(cfg)
    assert "\n" not in str(caught.value)
    assert backend in str(caught.value) and str(caught.value).endswith(f"pip install {package}")
    there.add(package)
    refuse_missing_packages(cfg)


def test_what_comes_with_mmengine_needs_nothing(tmp_path: Path) -> None:
    cfg, _ = resolved(tmp_path, overrides={"+visualizer": {"vis_backends": [{"type": "LocalVisBackend"}]}})
    refuse_missing_packages(cfg)


def test_a_missing_module_of_the_users_is_named_before_anything_is_computed(tmp_path: Path) -> None:
    imports = {"custom_imports.imports": ["lt_bench.detector", "my_modules.samplers"]}
    cfg, _ = resolved(tmp_path, overrides=imports)
    with pytest.raises(UserError, match=r"'my_modules\.samplers', which is not found"):
        refuse_missing_packages(cfg)
    cfg, _ = resolved(tmp_path, overrides={**imports, "custom_imports.allow_failed_imports": True})
    refuse_missing_packages(cfg)

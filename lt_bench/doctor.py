"""What this machine has, what is missing, and the command that mends it."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from lt_bench.errors import DataNotFoundError
from lt_bench.record import versions

SET_UP = "rm -f .venv/lt_bench.stamp; make venv"


@dataclass(frozen=True)
class Finding:
    """One thing looked at. needed: nothing runs without it. remedy: what to do about it, or empty."""

    what: str
    state: str
    ok: bool = True
    needed: bool = True
    remedy: str = ""


def examine(data_root: Path | None) -> list[Finding]:
    """Look at Python, packages, compiled operators, OpenCV, GPUs, data, weights and losses, in this order."""
    return [
        _python(),
        *(_package(name) for name in ("torch", "mmengine", "mmcv", "mmdet", "lvis", "vernier")),
        _operators(),
        _opencv(),
        _gpu(),
        _data(data_root),
        *_weights(),
        _losses(),
    ]


def _python() -> Finding:
    ok = (3, 10) <= sys.version_info[:2] <= (3, 12)
    return Finding("python", platform.python_version(), ok, remedy="" if ok else "use Python 3.10, 3.11 or 3.12")


def _package(name: str) -> Finding:
    if importlib.util.find_spec(name) is None:
        return Finding(name, "not installed", ok=False, remedy=SET_UP)
    return Finding(name, versions().get(name, "installed"))


def _operators() -> Finding:
    """The operators that mmcv compiles: the wheel that pip builds in isolation lacks them and imports all the same."""
    try:
        import torch
        from mmcv.ops import get_compiling_cuda_version

        cuda = get_compiling_cuda_version()
    except Exception as error:  # a broken build can fail in any way
        return Finding("mmcv operators", f"{type(error).__name__}: {error}", ok=False, remedy=SET_UP)
    if torch.cuda.is_available() and cuda == "not available":
        return Finding("mmcv operators", "compiled for CPU only, but there is a GPU", ok=False, remedy=SET_UP)
    return Finding("mmcv operators", f"compiled; CUDA {cuda}")


def _opencv() -> Finding:
    found = sorted(
        {
            name
            for distribution in distributions()
            if (name := (distribution.metadata["Name"] or "").lower()).startswith("opencv-")
        }
    )
    ok = found == ["opencv-python-headless"]
    remedy = "" if ok else f"pip uninstall -y {' '.join(found)}; {SET_UP}"
    return Finding("opencv", ", ".join(found) or "not installed", ok, remedy=remedy)


def _gpu() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding("gpu", "unknown without torch", ok=False, needed=False)
    import torch

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        return Finding("gpu", f"{len(names)} x {', '.join(sorted(set(names)))}")
    built = torch.version.cuda
    reason = f"torch is built for CUDA {built}, but finds no GPU" if built else "torch is a CPU build"
    return Finding(
        "gpu",
        f"{reason}; {os.cpu_count()} CPU cores",
        ok=False,
        needed=False,
        remedy="glyphs trains on a CPU, LVIS won't",
    )


def _data(data_root: Path | None) -> Finding:
    from lt_bench.data.lvis import find

    remedies = []
    for dataset in ("lvis_v1", "lvis_v0.5"):
        try:
            paths = find(dataset, data_root)
        except DataNotFoundError as error:
            remedies.append(error.remedy)
            continue
        return Finding("data", f"{dataset} in {paths.image_root}")
    state = "no LVIS; the embedded glyphs is always there"
    return Finding("data", state, ok=False, needed=False, remedy=remedies[0])


def _weights() -> list[Finding]:
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("mmengine") is None:
        return []
    from lt_bench.experiment import BACKBONES, backbone_weights
    from lt_bench.weights import cached_path

    findings = []
    for backbone in BACKBONES:
        url = backbone_weights(backbone)
        path = cached_path(url)
        state = str(path) if path.is_file() else "not on this machine; fetched when first needed"
        remedy = "" if path.is_file() else f"without network: put {url} at {path}, or --init random"
        findings.append(Finding(f"weights {backbone}", state, path.is_file(), needed=False, remedy=remedy))
    return findings


def _losses() -> Finding:
    from lt_bench.registry import list_losses

    found = list_losses()
    broken = [f"{info.name} of {info.distribution}: {info.problem}" for info in found if info.problem]
    state = f"{len(found) - len(broken)} usable" + (f"; broken: {'; '.join(broken)}" if broken else "")
    return Finding("losses", state, not broken, needed=False, remedy="lt_bench losses --check" if broken else "")

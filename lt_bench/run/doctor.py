"""What this machine has, what is missing, and the command that fixes it."""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from lt_bench.errors import DataNotFoundError, UserError
from lt_bench.operators import CHOICE_VARIABLE
from lt_bench.operators.install import install
from lt_bench.run.environment import versions
from lt_bench.utils import system

SET_UP = "pip install . (or, in a checkout, rm -f .venv/lt_bench.stamp; make venv)"


@dataclass(frozen=True)
class Finding:
    """One thing looked at. needed: nothing runs without it. remedy: what to do about it, or empty."""

    what: str
    state: str
    ok: bool = True
    needed: bool = True
    remedy: str = ""


def examine(data_root: Path | None, fix: bool = True) -> list[Finding]:
    """Look at the system, Python, packages, operators, OpenCV, GPUs, data, weights and losses, in this order.

    fix: put operators into this environment when mmcv has none that work.
    """
    return [
        _system(),
        _python(),
        *(_package(name) for name in ("torch", "mmengine", "mmcv", "mmdet", "lvis", "vernier")),
        _operators(fix),
        _opencv(),
        _gpu(),
        _data(data_root),
        *_weights(),
        _losses(),
    ]


def _system() -> Finding:
    ok = system.is_supported()
    state = system.described() if ok else f"{system.described()}: {system.SUPPORTED}"
    return Finding("system", state, ok, remedy="" if ok else system.REMEDY)


def _python() -> Finding:
    ok = (3, 10) <= sys.version_info[:2] <= (3, 12)
    return Finding("python", platform.python_version(), ok, remedy="" if ok else "use Python 3.10, 3.11 or 3.12")


def _package(name: str) -> Finding:
    if importlib.util.find_spec(name) is None:
        return Finding(name, "not installed", ok=False, remedy=SET_UP)
    return Finding(name, versions().get(name, "installed"))


def _operators(fix: bool) -> Finding:
    """Looked at in a process of its own, so that what was fixed is seen. What is broken is fixed where it can be."""
    state, problem = _operators_in_use()
    if not problem:
        return Finding("operators", state)
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("mmcv") is None:
        return Finding("operators", "unknown without torch and mmcv", ok=False, remedy=SET_UP)
    if not fix:
        return Finding("operators", problem, ok=False, remedy="python -m lt_bench doctor fixes it if it can")
    try:
        install(os.environ.get(CHOICE_VARIABLE, ""))
    except UserError as error:
        return Finding("operators", error.message, ok=False, remedy=error.remedy)
    state, problem = _operators_in_use()
    return Finding("operators", problem or f"{state} (fixed)", ok=not problem, remedy=SET_UP if problem else "")


def _operators_in_use() -> tuple[str, str]:
    """What runs, and what is wrong with it: one of the two."""
    code = (
        "import torch, lt_bench.operators as o; found = o.in_use(); "
        "print(f'{found}; ' + (f'CUDA {found.cuda}' if found.cuda else 'CPU only')); "
        "raise SystemExit('for CPUs only, but there is a GPU' if torch.cuda.is_available() and not found.cuda else 0)"
    )
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, errors="replace", check=False)
    lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return done.stdout.strip(), "" if done.returncode == 0 else lines[-1]


def _opencv() -> Finding:
    """Two builds of OpenCV share one folder; with the wrong one on top, a server without a screen lacks libGL."""
    found = sorted(
        {
            name
            for distribution in distributions()
            if (name := (distribution.metadata["Name"] or "").lower()).startswith("opencv-")
        }
    )
    try:
        importlib.import_module("cv2")
    except ImportError as error:
        remedy = (
            f"pip uninstall -y {' '.join(found)}; pip install --no-deps opencv-python-headless" if found else SET_UP
        )
        return Finding("opencv", f"{', '.join(found) or 'not installed'}: {error}", ok=False, remedy=remedy)
    return Finding("opencv", ", ".join(found))


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
    from lt_bench.data.find_known import find
    from lt_bench.data.known import KNOWN

    missing = []
    for dataset in KNOWN:
        try:
            paths = find(dataset, data_root)
        except DataNotFoundError as error:
            missing.append(str(error))
            continue
        return Finding("data", f"{dataset} in {paths.image_root}")
    state = "no LVIS; the embedded glyphs is always there"
    return Finding("data", state, ok=False, needed=False, remedy=missing[0])


def _weights() -> list[Finding]:
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("mmengine") is None:
        return []
    from lt_bench.run.config import backbone_weights
    from lt_bench.run.experiment import BACKBONES
    from lt_bench.run.pretrained import cached_path

    findings = []
    for backbone in BACKBONES:
        url = backbone_weights(backbone)
        path = cached_path(url)
        state = str(path) if path.is_file() else "not on this machine; fetched when first needed"
        remedy = "" if path.is_file() else f"without network: put {url} at {path}, or --init random"
        findings.append(Finding(f"weights {backbone}", state, path.is_file(), needed=False, remedy=remedy))
    return findings


def _losses() -> Finding:
    from lt_bench.api.registry import list_losses

    found = list_losses()
    broken = [f"{info.name} of {info.distribution}: {info.problem}" for info in found if info.problem]
    state = f"{len(found) - len(broken)} usable" + (f"; broken: {'; '.join(broken)}" if broken else "")
    return Finding("losses", state, not broken, needed=False, remedy="lt_bench losses --check" if broken else "")

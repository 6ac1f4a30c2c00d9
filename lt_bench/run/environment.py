"""Where a run takes place: versions of packages, the checkout's commit, the processor."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lt_bench.leaderboard.schema_run import Git

PACKAGES = {
    "lt_bench": "lt_bench",
    "torch": "torch",
    "mmcv": "onedl-mmcv",
    "mmdet": "onedl-mmdetection",
    "mmengine": "onedl-mmengine",
    "numpy": "numpy",
    "vernier": "vernier",
    "lvis": "lvis",
}


def versions() -> dict[str, str]:
    """Python's version and those of the packages that results depend on, as far as they are installed."""
    found = {"python": platform.python_version()}
    for name, distribution in PACKAGES.items():
        try:
            found[name] = version(distribution)
        except PackageNotFoundError:
            continue
    return found


def git_state() -> Git | None:
    """Commit and cleanliness of the checkout that this package runs from; None when it is installed elsewhere."""
    here = Path(__file__).resolve().parent

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ("git", *arguments),
                cwd=here,
                env={**os.environ, "LC_ALL": "C"},
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if git("ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None
    commit = git("rev-parse", "HEAD")
    return Git(commit=commit, dirty=bool(git("status", "--porcelain"))) if commit else None


def processor() -> str:
    """The name of this machine's processor and its cores."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{model or platform.processor() or platform.machine()} ({os.cpu_count()} cores)"

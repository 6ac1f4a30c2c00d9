"""Makes .venv: pinned packages, compiled mmcv operators, lt_bench itself. Does nothing when all is in place.

Usage: python3 tools/set_up.py. Needs Python 3.10-3.12, a C++ compiler and make; installs what requirements.txt pins.
Runs before anything is installed, so it uses the standard library only.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "lt_bench.stamp"
LOG = ROOT / ".venv-setup.log"
LOCK = ROOT / "requirements.txt"
# Installed first: the operators of mmcv are compiled against torch, with these tools.
BUILD = ("ninja", "packaging", "setuptools", "wheel", "torch", "numpy")
OPERATORS = "onedl-mmcv"


class StepError(Exception):
    """A step failed: which one, and why."""


def main() -> int:
    try:
        if STAMP.is_file() and STAMP.read_text(encoding="utf-8") == state():
            return 0
        set_up()
    except StepError as error:
        print(f"set-up failed: {error}", file=sys.stderr)
        return 1
    return 0


def set_up() -> None:
    check_machine()
    LOG.write_text("", encoding="utf-8")
    pins = read_pins()
    if not PYTHON.exists():
        step("making .venv", sys.executable, "-m", "venv", "--clear", str(VENV))
    torch_with_its_needs = [f"{name}=={pins[name]}" for name in BUILD]
    step("installing torch and the build tools", *pip("install", "--constraint", str(LOCK), *torch_with_its_needs))
    others = [f"{name}=={version}" for name, version in pins.items() if name not in (*BUILD, OPERATORS)]
    step("installing the other packages", *pip("install", "--no-deps", "--no-build-isolation", *others))
    install_operators(f"{OPERATORS}=={pins[OPERATORS]}")
    step("installing lt_bench", *pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)))
    step("importing everything once", str(PYTHON), "-c", "import cv2, lt_bench.detector, lvis, vernier, pandas")
    STAMP.write_text(state(), encoding="utf-8")


def check_machine() -> None:
    if not (3, 10) <= sys.version_info[:2] <= (3, 12):
        found = ".".join(map(str, sys.version_info[:3]))
        raise StepError(
            f"this is Python {found}; lt_bench needs 3.10, 3.11 or 3.12 (name one with make PYTHON=python3.11)"
        )
    compiler = os.environ.get("CXX", "c++")
    if shutil.which(compiler) is None:
        raise StepError(f"there is no C++ compiler {compiler!r}; install one (Debian: apt-get install g++)")


def read_pins() -> dict[str, str]:
    lines = [line.split("#")[0].strip() for line in LOCK.read_text(encoding="utf-8").splitlines()]
    return dict(line.split("==", 1) for line in lines if line)


def install_operators(requirement: str) -> None:
    """Compile mmcv's operators, or take them from pip's cache when this machine compiled them before.

    Built in isolation from torch, the package becomes a wheel without operators that imports all the same, and pip
    caches it. So the operators are looked at, and a wheel without them is built anew past the cache.
    """
    build = pip("install", "--no-deps", "--no-build-isolation", requirement)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    environment = {"MAX_JOBS": str(cores), "MMCV_WITH_OPS": "1", **os.environ}
    step("compiling mmcv's operators (about 10 minutes on 2 cores, once a machine)", *build, environment=environment)
    if not has_operators():
        anew = (*build, "--no-cache-dir", "--force-reinstall")
        step("compiling mmcv's operators anew, past a wheel without them", *anew, environment=environment)
    if not has_operators():
        raise StepError(f"{requirement} was built without its operators; see {LOG.name}")


def has_operators() -> bool:
    """Whether mmcv's operators are there, for CUDA too where torch has a GPU."""
    command = (
        str(PYTHON),
        "-c",
        "import torch; from mmcv.ops import get_compiling_cuda_version as version; "
        "raise SystemExit(torch.cuda.is_available() and version() == 'not available')",
    )
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0


def pip(*arguments: str) -> tuple[str, ...]:
    return (str(PYTHON), "-m", "pip", "--disable-pip-version-check", *arguments)


def step(what: str, *command: str, environment: dict[str, str] | None = None) -> None:
    """Run one command, its output into the log. Raises StepError with the log's end when it fails."""
    print(f"set-up: {what} ...", file=sys.stderr, flush=True)
    started = time.monotonic()
    with LOG.open("ab") as log:
        log.write(f"\n### {what}\n{' '.join(command)}\n".encode())
        log.flush()
        code = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=environment, check=False).returncode
    if code:
        tail = LOG.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        raise StepError(f"{what} (exit code {code}; all of it in {LOG.name}):\n" + "\n".join(tail))
    print(f"set-up: {what}: done in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


def state() -> str:
    """What the environment was made from: it is made anew when this changes."""
    digest = hashlib.sha256()
    for path in (LOCK, ROOT / "setup.py", Path(__file__)):
        digest.update(path.read_bytes())
    digest.update(f"{ROOT} {sys.version_info[:2]}".encode())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main())

"""Makes .venv: pinned packages, mmcv's operators, lt_bench itself. Does nothing when all is in place.

Usage: python3 tools/set_up.py. Needs Python 3.10-3.12; installs what requirements.txt pins. $LT_BENCH_OPERATORS says
where nms and RoIAlign come from: torchvision (precompiled), compiled (four files of mmcv, 15 seconds), mmcv (all of
mmcv, half an hour). Without it: torchvision, or compiled where torchvision can't be loaded beside the pinned torch.
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
# Installed first: what is compiled is compiled against torch, with these tools.
BUILD = ("ninja", "packaging", "setuptools", "wheel", "torch", "numpy")
MMCV = "onedl-mmcv"
TORCHVISION = "torchvision"
CHOICE_VARIABLE = "LT_BENCH_OPERATORS"
SOURCES = ("torchvision", "compiled", "mmcv")


class StepError(Exception):
    """A step failed: which one, and why."""


def main() -> int:
    try:
        chosen = os.environ.get(CHOICE_VARIABLE, "")
        made = STAMP.read_text(encoding="utf-8").splitlines() if STAMP.is_file() else []
        if made[:1] == [state()] and chosen in ("", *made[1:]):  # without a choice, the one made before holds
            return 0
        set_up(chosen or "".join(made[1:2]))
    except StepError as error:
        print(f"set-up failed: {error}", file=sys.stderr)
        return 1
    return 0


def set_up(chosen: str) -> None:
    """chosen: where mmcv's operators come from, "" for the first of torchvision and compiled that works."""
    check_machine(chosen)
    LOG.write_text("", encoding="utf-8")
    pins = read_pins()
    if not PYTHON.exists():
        step("making .venv", sys.executable, "-m", "venv", "--clear", str(VENV))
    torch_with_its_needs = [f"{name}=={pins[name]}" for name in BUILD]
    step("installing torch and the build tools", *pip("install", "--constraint", str(LOCK), *torch_with_its_needs))
    others = [f"{name}=={version}" for name, version in pins.items() if name not in (*BUILD, MMCV, TORCHVISION)]
    step("installing the other packages", *pip("install", "--no-deps", "--no-build-isolation", *others))
    if chosen == "mmcv":
        compile_mmcv(f"{MMCV}=={pins[MMCV]}")
    else:
        # Built in isolation, where there is no torch, it is a wheel without operators. It must not come from pip's
        # cache nor go there: a wheel with operators has the same name.
        pure = pip("install", "--no-deps", "--no-cache-dir", "--force-reinstall", f"{MMCV}=={pins[MMCV]}")
        step("installing mmcv without its operators", *pure)
    step("installing lt_bench", *pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)))
    install_operators(chosen, f"{TORCHVISION}=={pins[TORCHVISION]}")
    step("importing everything once", str(PYTHON), "-c", "import cv2, lt_bench.detector, lvis, vernier, pandas")
    STAMP.write_text("\n".join([state(), chosen]), encoding="utf-8")


def install_operators(chosen: str, torchvision: str) -> None:
    """Have lt_bench put nms and RoIAlign where mmcv finds them, and say where they are from."""
    if chosen in ("", "torchvision"):
        step("installing torchvision for its operators", *pip("install", "--no-deps", torchvision))
    else:
        step("removing torchvision", *pip("uninstall", "--yes", TORCHVISION))
    what = "trying the operators" if chosen else "trying torchvision's operators, compiling some where they don't work"
    environment = {**os.environ, CHOICE_VARIABLE: chosen}
    source = step(what, str(PYTHON), "-m", "lt_bench.operators", environment=environment)
    if source != "torchvision" and chosen == "":
        step("removing torchvision", *pip("uninstall", "--yes", TORCHVISION))  # it breaks whatever tries to import it
    print(f"set-up: operators: {source}", file=sys.stderr, flush=True)


def check_machine(chosen: str) -> None:
    if not (3, 10) <= sys.version_info[:2] <= (3, 12):
        found = ".".join(map(str, sys.version_info[:3]))
        raise StepError(
            f"this is Python {found}; lt_bench needs 3.10, 3.11 or 3.12 (name one with make PYTHON=python3.11)"
        )
    if chosen and chosen not in SOURCES:
        raise StepError(f"{CHOICE_VARIABLE} is {chosen!r}; it is one of {', '.join(SOURCES)}")
    compiler = os.environ.get("CXX", "c++")
    if chosen in ("compiled", "mmcv") and shutil.which(compiler) is None:
        raise StepError(
            f"{CHOICE_VARIABLE}={chosen} needs a C++ compiler, and there is no {compiler!r}; install one "
            f"(Debian: apt-get install g++), or leave {CHOICE_VARIABLE} out"
        )


def read_pins() -> dict[str, str]:
    lines = [line.split("#")[0].strip() for line in LOCK.read_text(encoding="utf-8").splitlines()]
    return dict(line.split("==", 1) for line in lines if line)


def compile_mmcv(requirement: str) -> None:
    """Compile all of mmcv's operators, or take them from pip's cache when this machine compiled them before.

    A wheel from the cache can be one without operators, or one for another torch. So the operators are looked at, and
    what is not right is built anew past the cache.
    """
    build = pip("install", "--no-deps", "--no-build-isolation", "--force-reinstall", requirement)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    environment = {"MAX_JOBS": str(cores), **os.environ}
    step("compiling all of mmcv (half an hour on 2 cores, once a machine)", *build, environment=environment)
    if not has_operators():
        anew = (*build, "--no-cache-dir")
        step("compiling mmcv anew, past a wheel of another kind", *anew, environment=environment)
    if not has_operators():
        raise StepError(f"{requirement} was built without its operators; see {LOG.name}")


def has_operators() -> bool:
    """Whether mmcv's operators are there, for CUDA too where torch has a GPU."""
    command = (
        str(PYTHON),
        "-c",
        "import torch, mmcv._ext as found; cuda = found.get_compiling_cuda_version(); "
        "raise SystemExit(hasattr(found, 'kernels') or torch.cuda.is_available() and cuda == 'not available')",
    )
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0


def pip(*arguments: str) -> tuple[str, ...]:
    return (str(PYTHON), "-m", "pip", "--disable-pip-version-check", *arguments)


def step(what: str, *command: str, environment: dict[str, str] | None = None) -> str:
    """Run one command, its output into the log, and return its last line of output.

    Raises StepError with the log's end when it fails.
    """
    print(f"set-up: {what} ...", file=sys.stderr, flush=True)
    started = time.monotonic()
    with LOG.open("ab") as log:
        log.write(f"\n### {what}\n{' '.join(command)}\n".encode())
        log.flush()
        code = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=environment, check=False).returncode
    lines = LOG.read_text(encoding="utf-8", errors="replace").splitlines()
    if code:
        raise StepError(f"{what} (exit code {code}; all of it in {LOG.name}):\n" + "\n".join(lines[-15:]))
    print(f"set-up: {what}: done in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return lines[-1]


def state() -> str:
    """What the environment was made from: it is made anew when this changes."""
    digest = hashlib.sha256()
    operators = sorted((ROOT / "lt_bench" / "operators").glob("*.*p*"))
    for path in (LOCK, ROOT / "setup.py", Path(__file__), *operators):
        digest.update(path.read_bytes())
    digest.update(f"{ROOT} {sys.version_info[:2]}".encode())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main())

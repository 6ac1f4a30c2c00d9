"""The wheel holds what it needs and works without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.slow  # pip builds and installs


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the tracked files and installed into a folder."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    names = subprocess.run(("git", "ls-files", "-z"), cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    pip = (sys.executable, "-m", "pip", "--quiet")
    subprocess.run((*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, source), check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run((*pip, "install", "--no-deps", "--target", folder / "site", wheel), check=True)
    return folder / "site"


def test_the_wheel_holds_losses_configs_and_data(site: Path) -> None:
    for name in (
        "py.typed",
        "losses/ecm.py",
        "configs/_base_/recipes/paper/ecm.py",
        "configs/_base_/recipes/plain.py",
        "configs/_base_/datasets/glyphs_lt.py",
        "leaderboard/published_lvis_v1.csv",
        "operators/operators.cpp",
        "selftest/vectors/ecm.npz",
    ):
        assert (site / "lt_bench" / name).is_file(), name
    stand_in = (site / "mmcv" / "_ext.py").read_bytes()  # where any code that imports mmcv finds it
    assert stand_in == (site / "lt_bench" / "operators" / "stand_in.py").read_bytes()


def test_the_wheel_works_without_the_checkout(site: Path, tmp_path: Path) -> None:
    code = (
        "import lt_bench, lt_bench.configs, lt_bench.losses.ecm as ecm\n"
        "from lt_bench import ClassStats, build_loss, list_losses\n"
        "print(lt_bench.__file__, lt_bench.configs.__file__, ecm.__file__)\n"
        "assert build_loss('ecm', ClassStats([1, 2], [1, 3], 4)).num_logits == 3\n"
        "assert [info.name for info in list_losses() if info.problem] == []\n"
        "from lt_bench.run.config import backbone_weights\n"
        "assert backbone_weights('x101_64x4d').endswith('.pth')\n"
    )
    done = subprocess.run(
        (sys.executable, "-c", code),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert all(word.startswith(str(site)) for word in done.stdout.split())

"""What tools/carry.sh collects is pinned, and is what docs/gpu.md lists."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "tools" / "carry.sh"
BUILT = ("onedl-mmcv", "onedl-mmdetection")


def carried() -> list[str]:
    names = re.search(r'^names="(.*?)"', SCRIPT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert names is not None
    return [*names.group(1).split(), *BUILT]


def test_the_documented_list_is_what_is_carried() -> None:
    pins = dict(line.split("==") for line in (ROOT / "requirements.txt").read_text().split() if "==" in line)
    page = (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| ([a-z-]+ [0-9.]+) +\|", page, re.MULTILINE)
    assert sorted(listed) == sorted(f"{name} {pins[name]}" for name in carried())


def test_a_name_that_is_not_pinned_is_a_mistake() -> None:
    done = subprocess.run(("sh", SCRIPT, "nonsense"), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "requirements.txt has no nonsense" in done.stderr

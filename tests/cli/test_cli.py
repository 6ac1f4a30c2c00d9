"""The command line: quick."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("arguments", [["--help"], ["losses"], ["run", "--help"], ["data", "--help"]])
def test_quick_verbs_import_no_torch(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom lt_bench.cli import main\n"
        f"main({arguments!r}, standalone_mode=False)\n"
        "assert not {'torch', 'numpy', 'pandas', 'mmdet'} & set(sys.modules), sys.modules.keys()"
    )
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

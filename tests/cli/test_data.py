"""The verb `data`."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import forked, lt_bench
from experiments import write_annotations


def test_data_check_lists_counts_and_fails(tmp_path: Path) -> None:
    write_annotations(tmp_path / "annotations")
    done = forked("data", "check", str(tmp_path))
    assert done.returncode == 1
    assert done.stdout.count("missing image: image") == 4
    assert "in all" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_data_make_prints_the_folder(tmp_path: Path) -> None:
    done = lt_bench("data", "make", "glyphs", env={"LT_BENCH_CACHE": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert (Path(done.stdout.strip()) / "annotations" / "lvis_v1_train.json").is_file()

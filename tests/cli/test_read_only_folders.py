"""A folder that can't be written is named before anything is computed, and one that need not be written is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from command_lines import OWN, TRUTH, without_work, write_files
from read_only import read_only

from lt_bench.cli import main

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of a class without training images

WRITING = {
    "run": "run --loss ce --dataset glyphs --work-dir ro/new",
    "sweep": "sweep --loss ce --dataset glyphs",
    "eval --csv": f"eval set/found.json --annotations {TRUTH} --csv ro/new.csv",
    "eval --evidence": f"eval set/found.json --annotations {TRUTH} --evidence ro/new.parquet",
    "eval --as record": f"eval set/found.json --annotations {TRUTH} --as record --name x --dataset y --out ro/new",
    "features": "features odd.pth --out ro/new --dataset glyphs",
    "probe": "probe --features features --loss ce --work-dir ro/new",
    "data convert": "data convert set --out ro/new",
    "data make coco_lt": "data make coco_lt --from set --out ro/new",
    "compare --json": "compare runs/a runs/b --json ro/new.json",
    "compare --plot": "compare runs/a runs/b --plot ro/new.png",
    "leaderboard": "leaderboard --folder ro/board",
    "losses show": "losses show ce --out ro/new",
    "selftest": "selftest --only losses --device cpu --out ro/new",
}
READING = {
    "data check": f"data check {OWN} --images set",
    "run --dry-run": f"run --loss ce --init random --dataset-name my_data {OWN} --images set --dry-run",
    "eval": f"eval set/found.json --annotations {TRUTH}",
    "verify": "verify runs/a",
    "compare": "compare runs/a runs/b",
    "probe": "probe --features features --loss ce --work-dir {}/new",
    "sweep status": "sweep status",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the commands are given. Below it, ro can't be written; work_dirs lies there."""
    folder = tmp_path_factory.mktemp("folder")
    write_files(folder)
    (folder / "ro").mkdir()
    for name in ("board", "work_dirs"):
        (folder / name).rename(folder / "ro" / name)
        (folder / name).symlink_to(Path("ro", name))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        without_work(patch, but=("lt_bench.run.pipeline.run", "lt_bench.features.pipeline.make_features"))
        with read_only(folder / "ro"):
            yield folder


def give(line: str) -> Result:
    return CliRunner().invoke(main, line.split())


@pytest.mark.parametrize("line", WRITING.values(), ids=WRITING)
def test_one_that_is_to_be_written_is_named(folder: Path, line: str) -> None:
    given = give(line)
    assert given.exit_code == 2, given.stderr
    assert "Read-only file system" in given.stderr and "ro/" in given.stderr


def test_a_cache_is_named_where_there_is_no_way_without(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LT_BENCH_CACHE", "ro/cache")
    for line in ("data make", "run --loss ce --dataset glyphs", READING["data check"]):
        given = give(line)
        assert given.exit_code == 2, given.stderr
        assert "ro/cache" in given.stderr and "Read-only file system" in given.stderr
        assert "LT_BENCH_CACHE" in given.stderr


@pytest.fixture(scope="module")
def all_read_only(folder: Path) -> Iterator[None]:
    """Nothing can be written but the cache."""
    with read_only(folder):
        yield


@pytest.mark.parametrize("line", READING.values(), ids=READING)
def test_one_that_is_only_read_may_be_so(
    folder: Path, line: str, all_read_only: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path))
    monkeypatch.chdir(folder)
    given = give(line.format(tmp_path))
    assert given.exit_code == 0, given.stderr

"""Which files of a folder are records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lt_bench.leaderboard.find import Found, find_records, is_meant

STORED = "ce_seed0_0123456789ab.json"


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("{}", encoding="utf-8")


def test_of_a_run_its_result_alone_is_a_record(tmp_path: Path) -> None:
    for run in ("a", "b"):
        files = ("result.json", "run.json", "training.json", "predictions.json")
        make(tmp_path / run, *files, "2026/2026.json", "2026/vis_data/scalars.json")
        make(tmp_path / run, "2026/vis_data/config.py")  # mmengine's
    make(tmp_path / "c", "run.json", "config.py", "2026/vis_data/scalars.json")
    records = (tmp_path / "a" / "result.json", tmp_path / "b" / "result.json")
    assert find_records(tmp_path) == Found(records, (tmp_path / "c",))
    assert find_records(tmp_path / "a") == Found(records[:1])


def test_a_classifier_alone_has_a_run_too(tmp_path: Path) -> None:
    make(tmp_path / "a", "config.py", "predictions.json", "result.json")
    make(tmp_path / "b", "config.py", "predictions.json")
    assert find_records(tmp_path) == Found((tmp_path / "a" / "result.json",), (tmp_path / "b",))


def test_elsewhere_every_json_file_is_one(tmp_path: Path) -> None:
    make(tmp_path, "x.json", f"track/{STORED}", f"track/{STORED[:-5]}.per_class.csv", "track/run/result.json")
    names = ("track/" + STORED, "track/run/result.json", "x.json")
    assert find_records(tmp_path) == Found(tuple(tmp_path / name for name in names))


def test_no_file_hides_the_stored_records_below_it(tmp_path: Path) -> None:
    make(tmp_path, "result.json", "run.json", f"glyphs/track/{STORED}", "glyphs/other.json")
    assert find_records(tmp_path).records == (tmp_path / "glyphs" / "track" / STORED, tmp_path / "result.json")


def test_folders_that_are_named_like_records_are_walked(tmp_path: Path) -> None:
    make(tmp_path, "result.json/y.json", "run/run.json", "run/result.json/scalars.json")
    assert find_records(tmp_path).records == (tmp_path / "result.json", tmp_path / "result.json" / "y.json")
    assert find_records(tmp_path).unfinished == (tmp_path / "run",)


def test_links_are_not_followed(tmp_path: Path) -> None:
    make(tmp_path / "runs", "a/result.json")
    (tmp_path / "runs" / "a" / "again").symlink_to(tmp_path / "runs")
    assert find_records(tmp_path / "runs").records == (tmp_path / "runs" / "a" / "result.json",)


def test_what_is_meant_as_a_record_is_told_from_other_files(
    finished: Path, make_record: Callable[..., object], publish: Callable[..., Path], tmp_path: Path
) -> None:
    assert [path.name for path in sorted(finished.iterdir()) if is_meant(path)] == ["result.json"]
    (stored,) = (publish(make_record()) / "results").rglob("*.json")
    renamed = tmp_path / "renamed.json"
    renamed.write_bytes(stored.read_bytes()[:-100])  # damaged
    assert is_meant(stored) and is_meant(renamed)
    renamed.write_text("{}", encoding="utf-8")
    assert not is_meant(renamed)
    assert not is_meant(tmp_path) and not is_meant(tmp_path / "absent.json")

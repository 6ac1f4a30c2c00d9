"""What is taken into the store, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lt_bench.errors import RunFailedError, UserError
from lt_bench.leaderboard import read
from lt_bench.leaderboard.files import files_of
from lt_bench.leaderboard.submission import submit
from lt_bench.leaderboard.verify import verify

RESULTS = Path(__file__).parents[2] / "leaderboards" / "results"


def test_a_run_is_stored_with_all_that_others_need(finished: Path, tmp_path: Path) -> None:
    path = submit(finished, tmp_path / "results")
    files = files_of(path)
    stored = {files.record, files.evidence, files.per_class, files.config}
    assert set(path.parent.iterdir()) == stored
    assert path.read_bytes() == (finished / "result.json").read_bytes()
    assert files.evidence.read_bytes() == (finished / "evidence.parquet").read_bytes()
    assert files.evidence.name == f"{path.stem}.evidence.parquet"
    again = submit(path, tmp_path / "again")  # from a store into another
    assert verify(again).status == "verified"
    assert [file.read_bytes() for file in sorted(again.parent.iterdir())] == [
        file.read_bytes() for file in sorted(path.parent.iterdir())
    ]


@pytest.mark.parametrize("name", ["evidence.parquet", "per_class.csv", "config.py"])
def test_a_run_that_lacks_a_file_is_refused(copied: Path, tmp_path: Path, name: str) -> None:
    (copied / name).unlink()
    with pytest.raises(UserError, match=f"lacks {name}"):
        submit(copied, tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_a_run_whose_record_was_altered_is_refused(copied: Path, tmp_path: Path) -> None:
    content = json.loads((copied / "result.json").read_text(encoding="utf-8"))
    content["metrics"]["segm"]["AP"] = 0.5
    (copied / "result.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(RunFailedError, match=r"metrics\.segm\.AP: recorded 0\.5, found 0\.1"):
        submit(copied, tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_no_place_on_a_machine_gets_into_the_store(copied: Path, tmp_path: Path) -> None:
    config = copied / "config.py"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("work_dir = 'work'", "work_dir = '/home/somebody/work'"), encoding="utf-8")
    path = submit(copied, tmp_path / "results")
    assert "somebody" not in files_of(path).config.read_text(encoding="utf-8")
    assert verify(path).status == "verified"
    config.write_text(f"{text}\nlog_folder = '/home/somebody/logs'\n", encoding="utf-8")
    with pytest.raises(UserError, match="log_folder names /home/somebody/logs"):
        submit(copied, tmp_path / "results")


def test_a_record_without_evidence_takes_the_place_of_one_with(finished: Path, tmp_path: Path) -> None:
    """Nothing of the replaced record is left beside it."""
    path = submit(finished, tmp_path / "results")
    old = tmp_path / "old.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    old.write_text(json.dumps({**content, "schema_version": 2} | {"evidence": None, "seal": None}), encoding="utf-8")
    assert submit(old, tmp_path / "results") == path
    assert list(path.parent.iterdir()) == [path]


def test_records_of_earlier_versions_are_taken_and_no_folder_without_evidence(finished: Path, tmp_path: Path) -> None:
    source = next(path for path in sorted(RESULTS.rglob("*.json")) if read(path).schema_version == 1)
    assert submit(source, tmp_path / "results").read_bytes() == source.read_bytes()
    folder = Path(shutil.copytree(finished, tmp_path / "old"))
    shutil.copyfile(source, folder / "result.json")
    with pytest.raises(UserError, match="lacks the evidence"):
        submit(folder, tmp_path / "results")
    with pytest.raises(UserError, match="is no run's folder"):
        submit(tmp_path / "absent", tmp_path / "results")

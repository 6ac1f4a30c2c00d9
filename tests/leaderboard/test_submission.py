"""What is taken into the store, and what is refused."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from finished_run import measure_run

from lt_bench.cli import main
from lt_bench.errors import RunFailedError, UserError
from lt_bench.leaderboard import add, read, write
from lt_bench.leaderboard.files import files_of
from lt_bench.leaderboard.submission import submissible, submit
from lt_bench.leaderboard.verify import verify

OLD_RECORDS = Path(__file__).parent / "old_records"


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
    for source in (copied, copied / "result.json"):
        with pytest.raises(UserError, match=f"lacks {name}"):
            submit(source, tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_a_stored_record_needs_what_lies_beside_it(finished: Path, tmp_path: Path) -> None:
    stored = submit(finished, tmp_path / "results")
    for path in (files_of(stored).evidence, files_of(stored).per_class, files_of(stored).config):
        content = path.read_bytes()
        path.unlink()
        with pytest.raises(UserError, match=f"lacks {path.name}"):
            submit(stored, tmp_path / "again")
        path.write_bytes(content)
    record = read(stored).model_copy(update={"evidence": None, "seal": None})
    write(record, stored)
    with pytest.raises(UserError, match="lacks the evidence in "):
        submit(stored, tmp_path / "again")


def test_a_run_whose_record_was_altered_is_refused(copied: Path, tmp_path: Path) -> None:
    content = json.loads((copied / "result.json").read_text(encoding="utf-8"))
    content["metrics"]["segm"]["AP"] = 0.5
    (copied / "result.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(RunFailedError, match=r"metrics\.segm\.AP: recorded 0\.5, found 0\.1"):
        submit(copied, tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_a_run_on_held_out_images_is_refused(finished_probe: Path, tmp_path: Path) -> None:
    assert submit(finished_probe, tmp_path / "results").is_file()
    held_out = Path(shutil.copytree(finished_probe, tmp_path / "run"))
    content = json.loads((held_out / "result.json").read_text(encoding="utf-8"))
    content["overrides"] = ["--steps 9", "--evaluate held_out"]
    (held_out / "result.json").write_text(json.dumps(content), encoding="utf-8")
    for source in (held_out, held_out / "result.json"):
        with pytest.raises(UserError, match="was evaluated on held-out training images") as caught:
            submit(source, tmp_path / "again")
        assert caught.value.remedy
    assert not (tmp_path / "again").exists()


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
    old = sorted(OLD_RECORDS.rglob("*.json"))
    assert {read(path).schema_version for path in old} == {1, 2}
    for source in old:
        assert submit(source, tmp_path / "results").read_bytes() == source.read_bytes()
    folder = Path(shutil.copytree(finished, tmp_path / "old"))
    shutil.copyfile(source, folder / "result.json")
    with pytest.raises(UserError, match="lacks the evidence"):
        submit(folder, tmp_path / "results")
    with pytest.raises(UserError, match="is no run's folder"):
        submit(tmp_path / "absent", tmp_path / "results")


def test_a_folder_of_runs_stands_for_the_finished_ones_in_it(finished: Path, tmp_path: Path) -> None:
    runs, results = tmp_path / "runs", tmp_path / "results"
    for name in ("first", "unfinished"):
        shutil.copytree(finished, runs / name)
    (runs / "unfinished" / "result.json").unlink()
    assert list(submissible([runs], results).values()) == [runs / "first" / "result.json"]
    assert submit(runs, results).read_bytes() == (finished / "result.json").read_bytes()
    (runs / "first" / "result.json").unlink()
    with pytest.raises(UserError, match="is no run's folder"):
        submissible([runs], results)


class Crash(BaseException):
    """The process ends here."""


@pytest.fixture(scope="module")
def worse(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The record of the same run that predicted half of it."""
    folder = Path(shutil.copytree(finished, tmp_path_factory.mktemp("worse") / "run"))
    rows = json.loads((folder / "predictions.json").read_text(encoding="utf-8"))
    (folder / "predictions.json").write_text(json.dumps(rows[: len(rows) // 2]), encoding="utf-8")
    measure_run(folder)
    return folder / "result.json"


@pytest.fixture
def replaced(worse: Path, tmp_path: Path) -> Path:
    """It is in the store already."""
    return add(worse, tmp_path / "results")


def crashes(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Files can be renamed and removed so many times, temporary ones apart, before the process ends."""
    replace, unlink, left = Path.replace, Path.unlink, iter(range(steps))

    def step() -> None:
        if next(left, None) is None:
            raise Crash

    def counted_replace(path: Path, target: Path) -> Path:
        step()
        return replace(path, target)

    def counted_unlink(path: Path, missing_ok: bool = False) -> None:
        if path.suffix != ".part":
            step()
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "replace", counted_replace)
    monkeypatch.setattr(Path, "unlink", counted_unlink)


def contents(record: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in record.parent.iterdir()}


@pytest.mark.parametrize("steps", range(4))
def test_storing_that_is_interrupted_is_named_and_done_by_storing_again(
    replaced: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """Evidence, AP by class and config take their names, then the record."""
    before = contents(replaced)
    with monkeypatch.context() as patch, pytest.raises(Crash):
        crashes(patch, steps)
        add(finished / "result.json", tmp_path / "results")
    assert replaced.read_bytes() == before[replaced.name]
    if steps == 0:
        assert contents(replaced) == before
    else:
        assert "evidence" in {problem.field for problem in verify(replaced).problems}
    assert add(finished / "result.json", tmp_path / "results") == replaced
    assert verify(replaced).status == "verified"
    assert contents(replaced).keys() == before.keys()
    assert replaced.read_bytes() == (finished / "result.json").read_bytes()


@pytest.mark.parametrize("steps", range(5))
def test_nothing_is_removed_before_the_new_record_stands(
    replaced: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """A record without evidence takes the place of one with: it is renamed, then three files are removed."""
    before, old = contents(replaced), tmp_path / "old.json"
    content = json.loads((finished / "result.json").read_text(encoding="utf-8"))
    old.write_text(json.dumps({**content, "schema_version": 2} | {"evidence": None, "seal": None}), encoding="utf-8")
    with monkeypatch.context() as patch, suppress(Crash):
        crashes(patch, steps)
        add(old, tmp_path / "results")
    if steps == 0:
        assert contents(replaced) == before
    else:
        assert read(replaced) == read(old)
        fields = {problem.field.split(".")[0] for problem in verify(replaced).problems}
        assert fields == [{"evidence", "per_class"}, {"per_class"}, set(), set()][steps - 1]
    add(old, tmp_path / "results")
    assert list(replaced.parent.iterdir()) == [replaced]
    assert verify(replaced).status == "unverified"


def test_a_full_disk_changes_nothing(replaced: Path, finished: Path, tmp_path: Path, monkeypatch) -> None:
    before, whole, done = contents(replaced), os.fsync, iter(range(3))

    def full(handle: int) -> None:
        if next(done, None) is None:  # at the record, the last one
            raise OSError(28, "No space left on device")
        whole(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        add(finished / "result.json", tmp_path / "results")
    assert contents(replaced) == before


def test_a_strict_board_takes_a_run_that_verifies_and_no_other(finished: Path, tmp_path: Path) -> None:
    def strict(run: Path) -> Result:
        arguments = ["leaderboard", "--strict", "--folder", str(tmp_path), "--add", str(run)]
        return CliRunner().invoke(main, arguments)

    done = strict(finished)
    assert (done.exit_code, done.stderr) == (0, "")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert tmp_path / "glyphs.md" in before
    old = next(path for path in sorted(OLD_RECORDS.rglob("*.json")) if read(path).schema_version == 1)
    done = strict(old)
    assert done.exit_code == 1 and f"{old}: unverified" in done.stderr and "nothing was written" in done.stderr
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before

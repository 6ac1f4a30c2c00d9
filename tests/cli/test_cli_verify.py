"""The verb `verify`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lt_bench.cli import main
from lt_bench.data import dataset as datasets
from lt_bench.leaderboard import read, write

BOARD = Path(__file__).resolve().parents[2] / "leaderboards"
RECORD = next((Path(__file__).resolve().parents[1] / "leaderboard" / "old_records").rglob("ce_*.json"))


def verify(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["verify", *arguments])


@pytest.mark.extra  # CI does that first of all
def test_nothing_published_is_wrong() -> None:
    done = verify("--all", "--folder", str(BOARD))
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1].endswith(" unverified, 0 wrong")


def test_every_field_that_does_not_hold_is_printed(tmp_path: Path) -> None:
    record = read(RECORD).model_copy(update={"schema_version": 3})
    write(record, tmp_path / "r.json")
    assert verify(str(tmp_path / "r.json")).exit_code == 0
    text = (tmp_path / "r.json").read_text(encoding="utf-8")
    (tmp_path / "r.json").write_text(text.replace(f'"epochs": {record.epochs}', '"epochs": 99'), encoding="utf-8")
    done = verify(str(tmp_path / "r.json"))
    assert done.exit_code == 1
    assert done.stdout.startswith(f"wrong: {tmp_path / 'r.json'} (checked: schema, seal)\n")
    assert "  epochs: 99 is not what was sealed\n" in done.stdout


def test_one_bad_record_of_a_folder_fails_and_the_others_are_looked_at(tmp_path: Path) -> None:
    shutil.copytree(RECORD.parent, tmp_path / "results" / "glyphs" / RECORD.parent.name)
    (tmp_path / "results" / "bad.json").write_text("{}", encoding="utf-8")
    (tmp_path / "results" / "a folder.json").mkdir()
    done = verify("--all", "--folder", str(tmp_path))
    assert done.exit_code == 1
    assert "wrong: " in done.stdout and "\n  schema: not a valid record: loss: Field required" in done.stdout
    assert "\n  schema: not a valid record: it is a folder\n" in done.stdout
    assert done.stdout.splitlines()[-1] == "0 verified, 3 unverified, 2 wrong"


@pytest.mark.parametrize("arguments", [(), ("absent",), ("--all", "x"), (".", "--annotations", "absent")])
def test_a_mistake_exits_with_2(tmp_path: Path, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = verify(*arguments)
    assert done.exit_code == 2 and "Traceback" not in done.output


def runs(folder: Path) -> list[Path]:
    """Two runs and one that is not finished, as `run --seeds` leaves them."""
    for seed in range(3):
        run = folder / f"ce_seed{seed}"
        (run / "2026" / "vis_data").mkdir(parents=True)
        for name in ("config.py", "run.json", "training.json", "2026/2026.json", "2026/vis_data/scalars.json"):
            (run / name).write_text("{}", encoding="utf-8")
        if seed < 2:
            for name in ("config.py", "run.json", "training.json"):
                (run / name).unlink()
            shutil.copyfile(RECORD, run / "result.json")
    return sorted(folder.iterdir())


def test_a_folder_of_runs_holds_a_record_a_run(tmp_path: Path) -> None:
    first, second, unfinished = runs(tmp_path / "runs")
    done = verify(str(tmp_path / "runs"))
    assert (done.exit_code, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert str(first / "result.json") in lines[0] and str(second / "result.json") in lines[1]
    assert lines[2:] == [
        f"not finished: {unfinished} (no result.json)",
        "0 verified, 2 unverified, 0 wrong, 1 not finished",
    ]


def test_only_a_run_that_is_not_finished_is_a_mistake(tmp_path: Path) -> None:
    unfinished = runs(tmp_path)[-1]
    done = verify(str(unfinished))
    assert done.exit_code == 2
    assert done.stdout == f"not finished: {unfinished} (no result.json)\n"
    assert "no run is finished" in done.stderr


def test_an_empty_name_is_not_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert verify(".").exit_code == 0
    done = verify("")
    assert done.exit_code == 2 and "a name is empty" in done.stderr and done.stdout == ""


@pytest.mark.parametrize("name", ["README.md", "evidence.parquet", "predictions.json", "run.json", "docs"])
def test_what_is_no_record_is_a_mistake(tmp_path: Path, name: str) -> None:
    if name == "docs":
        (tmp_path / name).mkdir()
        (tmp_path / name / "calibration.json").write_text('{"effort": 1}', encoding="utf-8")
    else:
        (tmp_path / name).write_text('[{"image_id": 1}]', encoding="utf-8")
    for arguments in ([name], [str(RECORD), name]):
        done = verify(*(str(tmp_path / argument) for argument in arguments))
        assert done.exit_code == 2 and done.stdout == ""
        assert f"{tmp_path / name} " in done.stderr and "name a record (.json), a run's folder" in done.stderr


def test_bad_annotations_are_named_before_anything_is_verified(tmp_path: Path) -> None:
    none, other = tmp_path / "none.json", tmp_path / "other.json"
    none.write_text("nothing", encoding="utf-8")
    shutil.copyfile(datasets.find("glyphs", None).val, other)
    content = read(RECORD)
    data = content.data.model_copy(update={"val_annotations": "0" * 64})
    write(content.model_copy(update={"data": data}), tmp_path / "r.json")
    for path, reason in ((none, f"{none}: not JSON"), (other, f"{other} is not what the record was measured on")):
        done = verify(str(tmp_path / "r.json"), "--annotations", str(path))
        assert done.exit_code == 2 and done.stdout == ""
        assert f"error: --annotations: {reason}" in done.stderr

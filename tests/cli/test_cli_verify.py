"""The verb `verify`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lt_bench.cli import main
from lt_bench.leaderboard import read, write

BOARD = Path(__file__).resolve().parents[2] / "leaderboards"
RECORD = next((Path(__file__).resolve().parents[1] / "leaderboard" / "old_records").rglob("ce_*.json"))


def verify(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["verify", *arguments])


def test_nothing_published_is_wrong() -> None:
    done = verify("--all", "--folder", str(BOARD))
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1].endswith(" unverified, 0 wrong")


def test_every_field_that_does_not_hold_is_printed_with_both_values(tmp_path: Path) -> None:
    record = read(RECORD).model_copy(update={"schema_version": 3})
    write(record, tmp_path / "r.json")
    assert verify(str(tmp_path / "r.json")).exit_code == 0
    text = (tmp_path / "r.json").read_text(encoding="utf-8")
    (tmp_path / "r.json").write_text(text.replace(f'"epochs": {record.epochs}', '"epochs": 99'), encoding="utf-8")
    done = verify(str(tmp_path / "r.json"))
    assert done.exit_code == 1
    assert done.stdout.startswith(f"wrong: {tmp_path / 'r.json'} (checked: schema, seal)\n")
    assert "  epochs: recorded 99, found changed after the record was sealed\n" in done.stdout


def test_one_bad_record_of_a_folder_fails_and_the_others_are_looked_at(tmp_path: Path) -> None:
    shutil.copytree(RECORD.parent, tmp_path / "results" / "glyphs" / RECORD.parent.name)
    (tmp_path / "results" / "bad.json").write_text("{}", encoding="utf-8")
    (tmp_path / "results" / "a folder.json").mkdir()
    done = verify("--all", "--folder", str(tmp_path))
    assert done.exit_code == 1
    assert "wrong: " in done.stdout and "schema: recorded bad.json, found " in done.stdout
    assert "schema: recorded a folder.json, found not a valid record: it is a folder\n" in done.stdout
    assert done.stdout.splitlines()[-1] == "0 verified, 3 unverified, 2 wrong"


def test_a_folder_of_runs_is_their_records_and_no_other_json(tmp_path: Path) -> None:
    for seed in range(2):
        (tmp_path / f"seed_{seed}").mkdir()
        shutil.copyfile(RECORD, tmp_path / f"seed_{seed}" / "result.json")
        (tmp_path / f"seed_{seed}" / "predictions.json.old.json").write_text("[]", encoding="utf-8")
    done = verify(str(tmp_path))
    assert done.stdout.splitlines()[-1] == "0 verified, 2 unverified, 0 wrong"


@pytest.mark.parametrize("arguments", [(), ("absent",), ("--all", "x"), (".", "--annotations", "absent")])
def test_a_mistake_exits_with_2(tmp_path: Path, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = verify(*arguments)
    assert done.exit_code == 2 and "Traceback" not in done.output

"""Checkpoints of a folder: whole or not there, the newest whole one found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lt_bench.utils import checkpoint_files
from lt_bench.utils.checkpoint_files import listed, newest_whole, write_checkpoint


def of(content: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_text(content)

    return write


def write(folder: Path, iteration: int, kept: bool = False) -> None:
    write_checkpoint(folder, f"iter_{iteration}.pth", iteration, of(f"weights {iteration}"), keep=2, kept=kept)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.pth")}


def newest(folder: Path) -> str | None:
    found = newest_whole(folder)
    return found.file if found else None


def test_the_last_two_stay_and_those_that_are_kept(tmp_path: Path) -> None:
    for iteration in (1, 2, 3, 4, 5):
        write(tmp_path, iteration, kept=iteration == 2)
    assert names(tmp_path) == {"iter_2.pth", "iter_4.pth", "iter_5.pth"}
    assert [one.iteration for one in listed(tmp_path)] == [2, 4, 5]
    assert newest(tmp_path) == "iter_5.pth"
    assert Path((tmp_path / "last_checkpoint").read_text()).name == "iter_5.pth"


def test_a_damaged_one_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for iteration in (1, 2):
        write(tmp_path, iteration)
    (tmp_path / "iter_2.pth").write_text("weights 3")
    assert newest(tmp_path) == "iter_1.pth"
    (tmp_path / "iter_1.pth").unlink()
    assert newest(tmp_path) is None
    assert "iter_2.pth is damaged" in caplog.text and "iter_1.pth is gone" in caplog.text
    write(tmp_path, 1)  # training begins anew: what lies ahead is no part of it
    assert [one.iteration for one in listed(tmp_path)] == [1]


@pytest.mark.parametrize("when", ["writing", "listing"])
def test_one_that_was_not_finished_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    write(tmp_path, 1)

    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    if when == "listing":
        monkeypatch.setattr(checkpoint_files, "write_atomic", stop)
    save = stop if when == "writing" else of("weights 2")
    with pytest.raises(KeyboardInterrupt):
        write_checkpoint(tmp_path, "iter_2.pth", 2, save, keep=2)
    assert newest(tmp_path) == "iter_1.pth"
    monkeypatch.undo()
    write(tmp_path, 2)
    assert (newest(tmp_path), [one.iteration for one in listed(tmp_path)]) == ("iter_2.pth", [1, 2])


def test_a_full_disk_leaves_all_as_it_was(tmp_path: Path) -> None:
    write(tmp_path, 1)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    def full(path: Path) -> None:
        path.write_bytes(b"part")
        raise OSError(28, "No space left on device", str(path))

    with pytest.raises(OSError, match="No space left"):
        write_checkpoint(tmp_path, "iter_2.pth", 2, full, keep=2)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("text", ["", "[]", '{"checkpoints": [{}]}', '{"checkpoints": [{"file": 3}]}', "\x00"])
def test_a_list_that_is_none_lists_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / checkpoint_files.LIST).write_text(text)
    assert listed(tmp_path) == []


def test_a_list_names_files_of_its_folder_alone(tmp_path: Path) -> None:
    write(tmp_path, 1)
    path = tmp_path / checkpoint_files.LIST
    path.write_text(path.read_text().replace("iter_1.pth", "../../iter_1.pth"))
    assert [one.file for one in listed(tmp_path)] == ["iter_1.pth"]

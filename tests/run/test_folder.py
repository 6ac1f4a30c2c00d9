"""The folder of a run: one process at a time, earlier runs are kept, damaged notes are named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lt_bench.errors import UserError
from lt_bench.run.folder import RunFolder
from lt_bench.run.manifest import TrainingSummary

SUMMARY = TrainingSummary(
    training_seconds=1.5, peak_memory_bytes=7, iterations=2, epochs=0, device="a CPU", device_kind="cpu", device_count=1
)


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "work")
    second = folder.claimed(restart=False)
    with folder.claimed(restart=False), pytest.raises(UserError, match="another process runs in"):
        second.__enter__()
    with folder.claimed(restart=False):
        pass


def test_temporary_files_of_a_killed_run_are_gone_when_it_goes_on(tmp_path: Path) -> None:
    for name in (".result.json.abc.part", ".checkpoints.json.abc.part", ".mine.part"):
        (tmp_path / name).touch()
    folder = RunFolder(tmp_path)
    (tmp_path / f".{folder.evidence.name}.abc.part").touch()
    with folder.claimed(restart=False):
        assert sorted(path.name for path in tmp_path.glob(".*part")) == [".mine.part"]


def test_restart_moves_a_run_aside_and_nothing_else(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "work")
    folder.path.mkdir()
    (folder.path / "thesis.txt").touch()
    with folder.claimed(restart=True):
        assert (folder.path / "thesis.txt").is_file()
    for number in (1, 2):
        folder.manifest.write_text("{}", encoding="utf-8")
        with folder.claimed(restart=True):
            assert [path.name for path in folder.path.iterdir()] == [".lock"]
        assert (tmp_path / f"work.old{number}" / "run.json").is_file()
    assert (tmp_path / "work.old1" / "thesis.txt").is_file()


def test_a_checkpoint_is_found_after_the_folder_was_moved(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert (folder.last_checkpoint(), folder.has_results()) == (None, False)
    folder.checkpoint_pointer.write_text("/elsewhere/runs/iter_3.pth", encoding="utf-8")
    assert folder.last_checkpoint() is None
    (tmp_path / "iter_3.pth").touch()
    assert (folder.last_checkpoint(), folder.has_results()) == (tmp_path / "iter_3.pth", True)


def test_a_summary_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_summary(SUMMARY)
    assert folder.read_summary() == SUMMARY


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff", b'{"training_seconds": "soon"}'])
def test_a_missing_or_damaged_note_is_named(tmp_path: Path, content: bytes | None) -> None:
    folder = RunFolder(tmp_path)
    if content is not None:
        for path in (folder.summary, folder.manifest):
            path.write_bytes(content)
    for read, name in ((folder.read_summary, "training.json"), (folder.read_manifest, "run.json")):
        with pytest.raises(UserError, match=f"{name} can't be read") as caught:
            read()
        assert "\n" not in caught.value.message and "pydantic" not in caught.value.message


def test_a_name_that_is_no_text_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "\udcc3bung")
    with pytest.raises(UnicodeEncodeError):
        folder.claimed(restart=False).__enter__()
    assert list(tmp_path.iterdir()) == []


def test_a_pointer_in_another_encoding_names_its_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "iter_3.pth").write_bytes(b"")
    RunFolder(tmp_path).checkpoint_pointer.write_bytes("/数据/iter_3.pth".encode("gbk"))
    assert RunFolder(tmp_path).last_checkpoint() == tmp_path / "iter_3.pth"


def test_of_a_checkpoint_that_was_cut_off_the_one_before_is_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = RunFolder(tmp_path)
    for number in (2, 9, 10):
        torch.save({"weight": torch.ones(1000)}, tmp_path / f"iter_{number}.pth")
    (tmp_path / "other.pth").touch()
    folder.checkpoint_pointer.write_text("iter_10.pth", encoding="utf-8")
    assert (folder.whole_checkpoint(), caplog.messages) == (tmp_path / "iter_10.pth", [])
    for number, words in (
        (10, "iter_10.pth was cut off or damaged; going on from the one before, iter_9"),
        (9, "iter_2"),
    ):
        for content in ((tmp_path / f"iter_{number}.pth").read_bytes()[:-40], b""):
            (tmp_path / f"iter_{number}.pth").write_bytes(content)
            caplog.clear()
            assert folder.whole_checkpoint() == tmp_path / f"iter_{9 if number == 10 else 2}.pth"
            assert words in caplog.text
    (tmp_path / "iter_2.pth").write_bytes(b"")
    assert folder.whole_checkpoint() is None
    assert "beginning anew" in caplog.text


def test_of_a_checkpoint_that_was_damaged_in_the_middle_the_one_before_is_used(tmp_path: Path) -> None:
    for number in (1, 2):
        torch.save({"weight": torch.ones(5000)}, tmp_path / f"iter_{number}.pth")
    whole = (tmp_path / "iter_2.pth").read_bytes()
    for place in range(0, len(whole), len(whole) // 15):
        (tmp_path / "iter_2.pth").write_bytes(whole[:place] + bytes(64) + whole[place + 64 :])
        used = RunFolder(tmp_path).whole_checkpoint()
        assert used is not None
        torch.testing.assert_close(torch.load(used)["weight"], torch.ones(5000))


@pytest.mark.parametrize("pointer", [None, "", "/elsewhere/iter_7.pth"])
def test_a_pointer_that_was_cut_off_loses_no_checkpoint(tmp_path: Path, pointer: str | None) -> None:
    for number in (2, 10):
        torch.save({}, tmp_path / f"iter_{number}.pth")
    if pointer is not None:
        (tmp_path / "last_checkpoint").write_text(pointer, encoding="utf-8")
    assert RunFolder(tmp_path).whole_checkpoint() == tmp_path / "iter_10.pth"

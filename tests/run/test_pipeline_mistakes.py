"""Mistakes in the arguments of a run: each shows before anything is trained, and harms nothing that is there."""

from __future__ import annotations

from pathlib import Path

from command_line import forked


def test_restart_moves_no_folder_that_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").write_text("text", encoding="utf-8")
    done = forked("run", "--loss", "ecm", "--dataset", "glyphs", "--work-dir", "precious", "--resume", cwd=tmp_path)
    assert done.returncode == 2
    assert (tmp_path / "precious" / "thesis.txt").is_file()


def test_a_work_dir_that_is_a_file_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = forked("run", "--loss", "ecm", "--dataset", "glyphs", "--work-dir", "file", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "can't be the folder of a run" in done.stderr


def test_a_mistaken_metric_shows_before_anything_is_computed(tmp_path: Path) -> None:
    for arguments, message in (
        (("--metrics", "ap,ap_fixd"), "did you mean 'ap_fixed'"),
        (("--metrics", "ap_boundary", "--evaluator", "lvis"), "lvis can't measure ap_boundary"),
    ):
        done = forked("run", "--loss", "ecm", "--dataset", "glyphs", "--work-dir", "w", *arguments, cwd=tmp_path)
        assert done.returncode == 2, done.stderr
        assert message in done.stderr
    assert not (tmp_path / "w").exists()


def test_resume_without_a_checkpoint_is_a_mistake(tmp_path: Path) -> None:
    done = forked("run", "--loss", "ecm", "--dataset", "glyphs", "--resume", cwd=tmp_path)
    assert done.returncode == 2
    assert "nothing to resume" in done.stderr

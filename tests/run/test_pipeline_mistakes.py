"""Mistakes in the arguments of a run: each shows before anything is trained, and harms nothing that is there."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from command_line import forked

from lt_bench.cli import main
from lt_bench.data import dataset as datasets
from lt_bench.errors import UserError
from lt_bench.run.experiment import Experiment
from lt_bench.run.folder import RunFolder
from lt_bench.run.pipeline import RunOptions, run


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


@pytest.mark.parametrize("restart", [(), ("--restart",)], ids=["", "restart"])
@pytest.mark.parametrize("name", ["epoch_12.pth", "iter_90000.pth", "predictions.json", "result.json"])
def test_a_folder_of_another_program_is_refused_and_left_as_it_is(
    tmp_path: Path, name: str, restart: tuple[str, ...]
) -> None:
    """Of mmdet, for example, whose checkpoints have the same names: the run would go on from them."""
    (tmp_path / "w").mkdir()
    torch.save({"state_dict": {}, "meta": {"epoch": 12, "iter": 90000}}, tmp_path / "w" / name)
    content = (tmp_path / "w" / name).read_bytes()
    for more in ((), ("--dry-run",)):
        given = CliRunner().invoke(
            main, [*["run", "--loss", "ecm", "--dataset", "glyphs", "--work-dir"], str(tmp_path / "w"), *restart, *more]
        )
        assert given.exit_code == 2, given.stderr
        assert "holds results of something else: there is no run.json" in given.stderr
    assert {path.name for path in (tmp_path / "w").iterdir()} <= {name, ".lock"}
    assert (tmp_path / "w" / name).read_bytes() == content


@pytest.mark.parametrize(
    ("name", "changed", "said"),
    [
        ("run.json", {"digest": "0" * 64}, "holds a run with other arguments"),
        ("run.json", {"distribution": "lt_bench 9.0"}, "holds a run with another version of the loss"),
        ("run.json", {"started": "yesterday"}, "run.json can't be read: started"),
        ("result.json", {"schema_version": 99}, "result.json: not a valid record: schema_version"),
    ],
)
def test_a_folder_of_another_run_or_a_later_version_is_refused_and_left_as_it_is(
    tmp_path: Path, name: str, changed: dict[str, str], said: str
) -> None:
    work = Path(shutil.copytree(Path(__file__).parent / "before", tmp_path / "w"))
    (work / name).write_text(
        json.dumps(json.loads((work / name).read_text(encoding="utf-8")) | changed), encoding="utf-8"
    )
    content = {path.name: path.read_bytes() for path in work.iterdir()}
    experiment = RunFolder(work).read_manifest().experiment if "started" not in changed else Experiment("seesaw")
    data = datasets.load(datasets.find("glyphs", None))
    with pytest.raises(UserError, match=re.escape(said)):
        run(experiment, data, RunOptions(work))
    assert {path.name: path.read_bytes() for path in work.iterdir() if path.name != ".lock"} == content

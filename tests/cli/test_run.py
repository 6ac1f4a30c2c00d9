"""The verb `run`: what it says and refuses before it trains."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import forked, lt_bench
from experiments import write_annotations

from lt_bench.cli.run import _folders
from lt_bench.run.experiment import Experiment


def test_a_hyper_parameter_out_of_range_shows_before_training(tmp_path: Path) -> None:
    for setting in ("fg_bg_ratio=-1", "fg_bg_ratio=many"):
        done = forked("run", "--loss", "ecm", "--dataset", "glyphs", "--loss-set", setting, cwd=tmp_path)
        assert done.returncode == 2, done.stderr
        assert "fg_bg_ratio" in done.stderr or "many" in done.stderr
        assert "Traceback" not in done.stderr
        assert not list(tmp_path.rglob("*.pth"))


@pytest.mark.slow
def test_lvis_not_found_falls_back_aloud(tmp_path: Path) -> None:
    """Without --dataset the embedded data set stands in; a bad --set then stops the run before it trains."""
    arguments = ("run", "--loss", "ecm", "--set", "nonsense=1")
    done = lt_bench(*arguments, cwd=tmp_path, env={"LT_BENCH_DATA": "nowhere"})
    assert done.returncode == 2
    (line,) = (line for line in done.stderr.splitlines() if "LVIS" in line and not line.startswith("data: "))
    assert line.startswith("LVIS was not found; glyphs, the embedded data set, runs instead")
    assert "nowhere" not in done.stderr
    assert "data: glyphs" in done.stderr
    assert "has no 'nonsense'" in done.stderr
    told = forked(*arguments, "-v", cwd=tmp_path, env={"LT_BENCH_DATA": "nowhere"}).stderr
    assert "lvis_v1 was not found. Looked in:" in told and "nowhere" in told and "--data-root" in told


def test_too_many_gpus_are_refused(tmp_path: Path) -> None:
    done = forked("run", "--loss", "ecm", "--dataset", "glyphs", "--gpus", "9", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "8 images equally" in done.stderr


def test_missing_weights_are_no_silent_fallback(tmp_path: Path) -> None:
    setting = "model.backbone.init_cfg.checkpoint=absent.pth"
    done = forked("run", "--loss", "ecm", "--dataset", "glyphs", "--init", "pretrained", "--set", setting, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "absent.pth do not exist" in done.stderr
    assert "--init random" in done.stderr


def test_run_refuses_data_that_fails_its_check(tmp_path: Path) -> None:
    write_annotations(tmp_path / "annotations")
    done = forked("run", "--loss", "ecm", "--dataset", "lvis_v1", "--data-root", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert "fails its check" in done.stderr
    assert "--exclude-images" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--seeds", "0"), "--seeds 0,"),
        (("--seeds", "-1"), "neither a count nor a list"),
        (("--seeds", "0,0"), "given twice"),
        (("--seeds", "3", "--seed", "0"), "exclude each other"),
        (("--seeds", "3", "--loss-set", "fg_bg_ratio=-1"), "fg_bg_ratio"),
        (("--seeds", "3", "--gpus", "9"), "8 images equally"),
    ],
)
def test_a_mistake_in_all_seeds_shows_before_the_first(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    done = forked("run", "--loss", "ecm", "--dataset", "glyphs", *options, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "--- seed" not in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "work_dirs").exists()


def test_several_seeds_are_not_torchruns_business(tmp_path: Path) -> None:
    group = {"TORCHELASTIC_RUN_ID": "test", "WORLD_SIZE": "2", "RANK": "1"}
    done = forked("run", "--loss", "ecm", "--dataset", "glyphs", "--seeds", "2", cwd=tmp_path, env=group)
    assert done.returncode == 2
    assert "once per seed" in done.stderr


def test_a_seed_has_the_folder_that_it_has_alone() -> None:
    """So single runs and sets share what was trained."""
    alone = {seed: Experiment("ecm", seed=seed) for seed in (7, 0)}
    found = _folders(Experiment("ecm", seed=7), (7, 0), None)
    assert found == {seed: Path("work_dirs") / one.folder_name() for seed, one in alone.items()}
    assert found[7] != found[0]
    assert _folders(alone[7], (7, 0), Path("w")) == {7: Path("w/seed_7"), 0: Path("w/seed_0")}

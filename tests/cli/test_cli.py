"""The command line: quick, and clear about mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import forked, lt_bench
from experiments import write_annotations


@pytest.mark.parametrize("arguments", [["--help"], ["losses"], ["run", "--help"], ["data", "--help"]])
def test_quick_verbs_import_no_torch(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom lt_bench.cli import main\n"
        f"main({arguments!r}, standalone_mode=False)\n"
        "assert not {'torch', 'numpy', 'pandas', 'mmdet'} & set(sys.modules), sys.modules.keys()"
    )
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_losses_lists_every_built_in_loss() -> None:
    done = lt_bench("losses")
    assert done.returncode == 0
    for name in ("ce", "ecm", "eql", "eqlv2", "federated", "focal", "seesaw"):
        assert f"{name}  (lt_bench" in done.stdout
    assert "fg_bg_ratio=6.3313" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rnu"], "did you mean 'run'"),
        (["run"], "--loss"),
        (["run", "--loss", "emc"], "did you mean 'ecm'"),
        (["run", "--loss", "ecm", "--backbone", "r51"], "did you mean 'r50'"),
        (["run", "--loss", "ecm", "--bakbone", "r50"], "--backbone"),
        (["run", "--loss", "ecm", "--loss-set", "fg_bg=3"], "did you mean 'fg_bg_ratio'"),
        (["run", "--loss", "ecm", "--dataset", "lvis_v1", "--data-root", "nowhere"], "lvis_v1 was not found"),
        (["run", "--loss", "ecm", "--dataset", "lvis_v1"], "lvisdataset.org"),
        (["run", "--loss", "ecm", "--resume", "--restart"], "exclude each other"),
        (["run", "--loss", "ecm", "--dataset", "glyphs", "--data-root", "x"], "made on the spot"),
        (["eval", "nothing.json"], "nothing.json is no file"),
        (["leaderboard", "--folder", "nothing"], "holds no results"),
        (["data", "make", "glyph"], "glyphs"),
        (["data", "check", "nowhere"], "was not found"),
    ],
)
def test_mistakes_are_explained_without_a_traceback(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = forked(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


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


def test_data_check_lists_counts_and_fails(tmp_path: Path) -> None:
    write_annotations(tmp_path / "annotations")
    done = forked("data", "check", str(tmp_path))
    assert done.returncode == 1
    assert done.stdout.count("missing image: image") == 4
    assert "in all" in done.stdout
    assert "Traceback" not in done.stderr


def test_run_refuses_data_that_fails_its_check(tmp_path: Path) -> None:
    write_annotations(tmp_path / "annotations")
    done = forked("run", "--loss", "ecm", "--dataset", "lvis_v1", "--data-root", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert "fails its check" in done.stderr
    assert "--exclude-images" in done.stderr


@pytest.mark.slow
def test_data_make_prints_the_folder(tmp_path: Path) -> None:
    done = lt_bench("data", "make", "glyphs", env={"LT_BENCH_CACHE": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert (Path(done.stdout.strip()) / "annotations" / "lvis_v1_train.json").is_file()


@pytest.mark.slow
def test_doctor_names_what_is_there() -> None:
    done = lt_bench("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    for what in ("python", "torch", "operators", "opencv", "gpu", "data", "weights r50", "losses"):
        assert what in done.stdout


def test_eval_needs_annotations(tmp_path: Path) -> None:
    predictions = tmp_path / "predictions.json"
    predictions.write_text("[]", encoding="utf-8")
    done = lt_bench("eval", str(predictions))
    assert done.returncode == 2
    assert "--annotations" in done.stderr


@pytest.mark.parametrize("evaluator", ["vernier", "lvis"])
def test_eval_works_from_predictions_alone(tmp_path: Path, evaluator: str) -> None:
    """A perfect detection of one of the two objects of one class: AP is the share of recall points that it reaches."""
    paths = write_annotations(tmp_path / "annotations")
    truth = json.loads(paths.val.read_text(encoding="utf-8"))["annotations"][0]
    detection = {key: truth[key] for key in ("image_id", "category_id", "bbox")} | {"score": 0.9}
    predictions = tmp_path / "predictions.json"
    predictions.write_text(json.dumps([detection]), encoding="utf-8")
    done = forked("eval", str(predictions), "--annotations", str(paths.val), "--box-only", "--evaluator", evaluator)
    assert done.returncode == 0, done.stderr
    assert f"{100 * 51 / 101:.2f}" in done.stdout  # recall 0.00, 0.01, ..., 0.50 of 101 points

"""Whole runs through the command line, cut to a few iterations of the embedded data set."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import forked, lt_bench, small_model
from run_fixtures import ECM, command, run, without_lvis

from benchmarks.chaos.state import differences, state_of
from lt_bench.evaluation.ap.average_precision import evaluate
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.store import read

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
Finished = tuple[Path, subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.slow


def refused(cwd: Path, loss: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Such a run, which must be a mistake."""
    done = forked(*command(loss, *arguments), cwd=cwd, env=without_lvis(cwd))
    assert done.returncode == 2, done.stderr
    return done


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run of ecm, two iterations, in its own folder: the model and the process are those of a user."""
    cwd = tmp_path_factory.mktemp("run")
    done = lt_bench(*command(*ECM, "--work-dir", "work", model=()), cwd=cwd, env=without_lvis(cwd))
    assert done.returncode == 0, done.stdout + done.stderr
    return cwd, done


def copied(cwd: Path, name: str) -> Path:
    """A copy of a finished run, to be changed."""
    return Path(shutil.copytree(cwd / "work", cwd / name))


def test_the_command_leaves_what_it_promises(finished: Finished) -> None:
    cwd, done = finished
    work = cwd / "work"
    for name in (
        *("config.py", "run.log", "iter_2.pth", "predictions.json", "run.json", "training.json"),
        "evidence.parquet",
    ):
        assert (work / name).is_file(), name
    with (work / "per_class.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    expected = [row.model_dump() for row in read(work / "result.json").per_class]
    assert [(row["name"], row["segm"]) for row in rows] == [
        (row["name"], "" if row["segm"] == -1 else repr(row["segm"])) for row in expected
    ]
    assert "ecm on glyphs: 2 iterations" in done.stdout
    assert "RANDOM weights" in done.stderr
    table = (cwd / "work_dirs" / "leaderboards" / "glyphs.md").read_text(encoding="utf-8")
    assert "| ecm" in table


def test_the_record_holds_what_was_run(finished: Finished) -> None:
    cwd, _ = finished
    record = read(cwd / "work" / "result.json")
    assert (record.loss.name, record.loss.distribution) == ("ecm", "lt_bench")
    assert record.loss.hyper_parameters == {"fg_bg_ratio": 6.3313, "float32_weights": False}
    assert record.track.model_dump() == {
        "dataset": "glyphs",
        "detector": "mask_rcnn",
        "backbone": "r50",
        "schedule": "1x",
        "recipe": "common",
    }
    assert (record.iterations, record.init.kind, record.device.count) == (2, "random", 1)
    assert record.training_seconds > 0
    assert record.memory.peak_bytes > 2**28
    assert record.versions["torch"] == torch.__version__
    assert len(record.per_class) == record.data.classes == 30
    assert "--max-iters 2" in record.overrides


def test_the_record_agrees_with_lvis_api(finished: Finished) -> None:
    cwd, _ = finished
    record = read(cwd / "work" / "result.json")
    from mmengine.config import Config

    annotations = Path(Config.fromfile(str(cwd / "work" / "config.py")).test_dataloader.dataset.ann_file)
    for kind in ("bbox", "segm"):
        expected = evaluate(annotations, cwd / "work" / "predictions.json", kind, "lvis")
        assert getattr(record.metrics, kind).model_dump() == expected.metrics


def test_a_finished_run_is_not_repeated(small: Path) -> None:
    before = (small / "work" / "result.json").read_bytes()
    done = run(small, *ECM, "--work-dir", "work")
    assert "this run is finished" in done.stderr
    assert (small / "work" / "result.json").read_bytes() == before


def test_a_run_goes_on_after_its_last_checkpoint(small: Path) -> None:
    work = copied(small, "interrupted")
    for name in ("result.json", "predictions.json", "training.json", "iter_2.pth"):
        (work / name).unlink()
    assert (work / "iter_1.pth").is_file()
    done = run(small, *ECM, "--work-dir", "interrupted", "--resume")
    assert "continuing after iter_1.pth" in done.stderr
    record = read(work / "result.json")
    assert record.iterations == 2
    assert "resumed from a checkpoint" in record.notes
    assert differences(state_of(small / "work"), state_of(work)) == []


def test_a_run_goes_on_from_the_checkpoint_before_one_that_was_cut_off(small: Path) -> None:
    work = copied(small, "cut_off")
    for name in ("result.json", "predictions.json", "training.json"):
        (work / name).unlink()
    (work / "iter_2.pth").write_bytes((work / "iter_2.pth").read_bytes()[:-1000])
    done = run(small, *ECM, "--work-dir", "cut_off")
    assert "the checkpoint iter_2.pth is damaged" in done.stderr and "continuing after iter_1.pth" in done.stderr
    assert read(work / "result.json").iterations == 2


def test_a_folder_keeps_to_one_run(small: Path) -> None:
    before = (small / "work" / "result.json").read_bytes()
    done = refused(small, "ce", "--max-iters", "2", "--work-dir", "work")
    assert "holds a run with other arguments" in done.stderr
    assert (small / "work" / "result.json").read_bytes() == before


@pytest.mark.parametrize("key", ["fingerprint", "distribution"])
def test_a_finished_run_answers_only_for_its_data_and_loss(small: Path, key: str) -> None:
    work = small / f"other-{key}"
    shutil.copytree(small / "work", work)
    manifest = json.loads((work / "run.json").read_text(encoding="utf-8"))
    (work / "run.json").write_text(json.dumps(manifest | {key: "something else"}), encoding="utf-8")
    done = refused(small, *ECM, "--work-dir", str(work))
    assert "holds a run with another" in done.stderr


def test_restart_keeps_the_earlier_run(small: Path) -> None:
    work = copied(small, "again")
    refused(small, "ecm", "--gpus", "9", "--work-dir", "again", "--restart")
    assert (work / "result.json").is_file()  # a mistake moves nothing
    run(small, "ecm", "--max-iters", "1", "--work-dir", "again", "--restart")
    assert (small / "again.old1" / "iter_2.pth").is_file()
    assert read(work / "result.json").iterations == 1


def test_evaluation_alone_is_repeated_when_predictions_are_there(small: Path) -> None:
    work = copied(small, "unevaluated")
    before = read(work / "result.json")
    (work / "result.json").unlink()
    done = run(small, *ECM, "--work-dir", "unevaluated")
    assert "evaluating" in done.stderr
    after = read(work / "result.json")
    assert after.metrics == before.metrics
    assert after.predictions == before.predictions


def test_a_finished_run_is_measured_further(small: Path) -> None:
    work = copied(small, "further")
    before = read(work / "result.json")
    done = run(small, *ECM, "--work-dir", "further", "--metrics", "errors,ap_boundary")
    assert "training and predicting are done already" in done.stderr
    after = read(work / "result.json")
    assert (before.measured(), after.measured()) == ({"ap"}, {"ap", "ap_boundary", "errors"})
    assert (after.metrics, after.versions, after.git) == (before.metrics, before.versions, before.git)
    assert after.identity() == before.identity()
    assert {row.boundary for row in after.per_class} != {None}
    assert "mask, boundary AP" in done.stdout and "mask: ΔAP50" in done.stdout
    kept = (work / "result.json").read_bytes()
    assert "this run is finished" in run(small, *ECM, "--work-dir", "further").stderr
    assert (work / "result.json").read_bytes() == kept
    # the model was not asked for enough detections
    assert "other arguments" in refused(small, *ECM, "--work-dir", "further", "--metrics", "ap_fixed").stderr


def test_a_finished_run_without_its_predictions_is_not_trained_again(small: Path) -> None:
    work = copied(small, "gone")
    kept = (work / "result.json").read_bytes()
    again = (*ECM, "--work-dir", "gone", "--metrics", "errors")
    (work / "predictions.json").write_text("[]\n", encoding="utf-8")
    assert "is not what this run's record was measured on" in refused(small, *again).stderr
    (work / "predictions.json").unlink()
    assert "predictions.json is gone" in refused(small, *again).stderr
    assert (work / "result.json").read_bytes() == kept


def test_mmdets_own_runner_trains_the_config(small: Path, tmp_path: Path) -> None:
    """The config needs nothing of ours but the modules that it imports itself."""
    code = (
        "import sys\n"
        "from mmengine.config import Config\n"
        "from mmengine.runner import Runner\n"
        "cfg = Config.fromfile(sys.argv[1])\n"
        "cfg.work_dir = cfg.test_evaluator.folder = sys.argv[2]\n"
        "cfg.train_cfg.max_iters = 1\n"
        "Runner.from_cfg(cfg).train()\n"
    )
    done = subprocess.run(
        (sys.executable, "-c", code, str(small / "work" / "config.py"), str(tmp_path)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "iter_1.pth").is_file()


@pytest.mark.parametrize("loss", ["eqlv2", "seesaw"])
@pytest.mark.extra
def test_two_processes_hold_the_same_weights_and_state(tmp_path: Path, loss: str) -> None:
    hooks = [{"type": name} for name in ("FiniteLossHook", "RunMeterHook", "AverageBatchNormHook")]
    hooks.append({"type": "StateDump", "folder": str(tmp_path)})
    done = run(
        tmp_path,
        loss,
        *("--gpus", "2", "--max-iters", "2", "--work-dir", "work"),
        *("--set", "custom_imports.imports=['lt_bench.detector', 'lt_bench.selftest.state_dump']"),
        *("--set", f"custom_hooks={hooks!r}"),
    )
    assert "2 device(s) x 4 images x 1 accumulated" in done.stderr
    states: list[dict[str, Any]] = [torch.load(tmp_path / f"rank{rank}.pth") for rank in (0, 1)]
    assert states[0].keys() == states[1].keys()
    assert any(name.startswith("roi_head.bbox_head.loss_cls.loss.") for name in states[0])
    for name in states[0]:
        assert torch.equal(states[0][name], states[1][name]), name
    state = {name: value for name, value in states[0].items() if "loss_cls.loss." in name}
    assert all(value.any() for value in state.values())
    record = read(tmp_path / "work" / "result.json")
    assert record.device.count == 2


@pytest.mark.extra
def test_torchrun_starts_a_run_on_several_machines(tmp_path: Path) -> None:
    """Two agents of one process each, as on two machines that share the work dir."""
    port = 20000 + os.getpid() % 20000
    agent = (
        *(sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc_per_node", "1"),
        *("--rdzv_backend", "c10d", "--rdzv_endpoint", f"localhost:{port}", "-m", "lt_bench"),
        *command("ce", "--dataset", "glyphs", "--max-iters", "1", "--work-dir", "work"),
    )
    agents = [
        subprocess.Popen(agent, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    outputs = [agent.communicate()[0] for agent in agents]
    assert [agent.returncode for agent in agents] == [0, 0], outputs
    assert sum("2 device(s) x 4 images" in output for output in outputs) == 1
    record = read(tmp_path / "work" / "result.json")
    assert (record.device.count, record.iterations) == (2, 1)


@pytest.mark.extra
def test_a_plugin_runs_from_its_installed_distribution(tmp_path: Path) -> None:
    """examples/plugin, installed into a scratch folder, trains under its own name."""
    source, site = tmp_path / "source", tmp_path / "site"
    shutil.copytree(EXAMPLES / "plugin", source, ignore=shutil.ignore_patterns("*.egg-info", "build"))
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation")
    installed = subprocess.run(
        (*pip, "--target", site, source),
        capture_output=True,
        text=True,
        check=False,
    )
    assert installed.returncode == 0, installed.stderr
    own_tests = subprocess.run(
        (sys.executable, "-m", "pytest", "-q", "tests"), cwd=source, capture_output=True, text=True, check=False
    )
    assert own_tests.returncode == 0, own_tests.stdout
    environment = without_lvis(tmp_path, site)
    listed = lt_bench("losses", cwd=tmp_path, env=environment)
    assert "logit_adjusted  (lt-bench-logit-adjusted" in listed.stdout
    options = ("--max-iters", "2", "--work-dir", "work", "--loss-set", "tau=0.5")
    done = lt_bench(*command("logit_adjusted", *options), cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    record: ResultRecord = read(tmp_path / "work" / "result.json")
    assert record.loss.distribution == "lt-bench-logit-adjusted"
    assert record.loss.non_default == ("tau",)


def test_real_photographs_train_evaluate_and_record(tmp_path: Path, shared: Path) -> None:
    root = shared / "reference" / "coco100"
    done = forked(
        *command("ecm", "--dataset", "lvis_v1", "--data-root", str(root), "--init", "random"),
        *("--max-iters", "1", "--work-dir", "work"),
        *("--set", "train_dataloader.batch_size=2", "--set", "train_dataloader.num_workers=0"),
        *("--set", "test_dataloader.num_workers=0"),
        *("--set", "model.train_cfg.rcnn.sampler.num=64", "--set", "model.test_cfg.rcnn.max_per_img=20"),
        *("--set", "train_dataloader.dataset.dataset.pipeline.2.scales=[(96, 96)]"),
        *("--set", "test_dataloader.dataset.pipeline.1.scale=(96, 96)"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "80 classes, 50 training and 50 validation images" in done.stderr
    assert "31 of 80 classes have no training instance" in done.stderr
    record = read(tmp_path / "work" / "result.json")
    assert record.track.dataset == "lvis_v1"
    assert record.data.classes == 80
    content = json.loads((root / "annotations" / "lvis_v1_train.json").read_text(encoding="utf-8"))
    counts = {category["id"]: category["instance_count"] for category in content["categories"]}
    assert {entry.id: entry.instance_count for entry in record.per_class} == counts


@pytest.mark.parametrize("detector", ["cascade_mask_rcnn"])
def test_cascade_trains(tmp_path: Path, detector: str) -> None:
    model = small_model(heads=[f"bbox_head.{stage}" for stage in range(3)])
    run(tmp_path, "ecm", "--detector", detector, "--max-iters", "1", "--work-dir", "work", model=model)
    assert read(tmp_path / "work" / "result.json").track.detector == detector


def test_excluded_images_leave_training_and_evaluation(tmp_path: Path) -> None:
    (tmp_path / "left_out.txt").write_text("1\n2\n241\n", encoding="utf-8")
    run(tmp_path, "ce", "--max-iters", "1", "--work-dir", "work", "--exclude-images", "left_out.txt")
    record = read(tmp_path / "work" / "result.json")
    assert record.data.train_images + record.data.val_images == 240 + 120 - 3
    detections = json.loads((tmp_path / "work" / "predictions.json").read_text(encoding="utf-8"))
    assert 241 not in {detection["image_id"] for detection in detections}

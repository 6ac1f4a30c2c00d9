"""What runs of an earlier version left is still read: before/ holds a run of seesaw with `small_model`, made by it.

experiments.json: digest, folder and fingerprint of experiments on `write_annotations`, whose two files count as having
the digests 000... and 111.... checkpoint.json: the state dict of that run, name to shape, and the state of each loss.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from experiments import resolved
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from lt_bench.data import dataset as datasets
from lt_bench.errors import UserError
from lt_bench.leaderboard.store import read, write
from lt_bench.run.experiment import Experiment
from lt_bench.run.fingerprint import fingerprint
from lt_bench.run.folder import RunFolder
from lt_bench.run.pipeline import RunOptions, run
from lt_bench.run.plan import make_plan

BEFORE = RunFolder(Path(__file__).parent / "before")
IDENTITY = "7f757f4630cece680dca1ef2937444cfa438179b2b049ebef4f7859af3e25073"
EXPERIMENTS = json.loads((BEFORE.path / "experiments.json").read_text(encoding="utf-8"))
CHECKPOINT = json.loads((BEFORE.path / "checkpoint.json").read_text(encoding="utf-8"))


def shapes(cfg: Config) -> dict[str, list[int]]:
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model)
    return {name: list(value.shape) for name, value in model.state_dict().items()}


def test_a_record_reads_and_is_written_as_it_was(tmp_path: Path) -> None:
    record = read(BEFORE.result)
    assert record.identity() == IDENTITY
    write(record, tmp_path / "result.json")
    assert (tmp_path / "result.json").read_bytes() == BEFORE.result.read_bytes()


def test_a_manifest_and_a_summary_read_and_are_written_as_they_were(tmp_path: Path) -> None:
    copy = RunFolder(tmp_path)
    copy.write_manifest(BEFORE.read_manifest())
    copy.write_summary(BEFORE.read_summary())
    assert copy.manifest.read_bytes() == BEFORE.manifest.read_bytes()
    assert copy.summary.read_bytes() == BEFORE.summary.read_bytes()


def test_a_manifest_says_what_the_record_says() -> None:
    record, manifest, summary = read(BEFORE.result), BEFORE.read_manifest(), BEFORE.read_summary()
    for name in ("fingerprint", "init", "started"):
        assert getattr(record, name) == getattr(manifest, name), name
    assert record.track == manifest.experiment.track()
    assert (record.training_seconds, record.iterations) == (summary.training_seconds, summary.iterations)
    assert manifest.experiment.digest() == manifest.digest


def test_a_summary_without_operators_reads(tmp_path: Path) -> None:
    content = json.loads(BEFORE.summary.read_text(encoding="utf-8"))
    del content["operators"]
    RunFolder(tmp_path).summary.write_text(json.dumps(content), encoding="utf-8")
    assert RunFolder(tmp_path).read_summary().operators is None


def test_a_config_builds_the_model_of_its_checkpoints() -> None:
    """It names the modules to import itself (custom_imports)."""
    cfg = Config.fromfile(str(BEFORE.config))
    assert cfg.custom_imports.imports == ["lt_bench.detector"]
    assert shapes(cfg) == CHECKPOINT["seesaw"]


@pytest.mark.parametrize("loss", CHECKPOINT["loss_state"])
def test_the_state_of_a_loss_keeps_its_keys(loss: str) -> None:
    cfg = Config.fromfile(str(BEFORE.config))
    cfg.model.roi_head.bbox_head.loss_cls.update(loss=loss, hyper_parameters={})
    state = {name: shape for name, shape in shapes(cfg).items() if ".loss_cls." in name}
    assert state == CHECKPOINT["loss_state"][loss]


@pytest.mark.parametrize("case", EXPERIMENTS, ids=[json.dumps(case["arguments"]) for case in EXPERIMENTS])
def test_an_experiment_keeps_its_fingerprint_and_its_folder(tmp_path: Path, case: dict[str, Any]) -> None:
    arguments = case["arguments"]
    experiment = Experiment(**arguments)
    assert (experiment.digest(), experiment.folder_name()) == (case["digest"], case["folder"])
    cfg, paths = resolved(tmp_path, **arguments)
    digests = {path: ("0" if "train" in Path(path).name else "1") * 64 for path in paths}
    assert fingerprint(cfg, digests) == case["fingerprint"]


@pytest.mark.slow
def test_the_same_command_is_the_same_run(tmp_path: Path) -> None:
    """What must be equal before a run resumes is planned as it was, and a finished run is not repeated."""
    before = BEFORE.read_manifest()
    data = datasets.load(datasets.find(before.experiment.dataset, None))
    plan = make_plan(before.experiment, data, None, None)
    for name in ("digest", "fingerprint", "distribution", "batch", "hyper_parameters", "init", "notes"):
        assert getattr(plan.manifest, name) == getattr(before, name), name
    work = Path(shutil.copytree(BEFORE.path, tmp_path / "work"))
    assert run(before.experiment, data, RunOptions(work)) == read(BEFORE.result)
    with pytest.raises(UserError, match="other arguments"):
        run(Experiment("ce"), data, RunOptions(work))

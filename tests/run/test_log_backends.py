"""`--log`: mmengine's backends get the run's curves, and the run stays the same."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from experiments import small_dataset
from run_fixtures import ECM, run

from lt_bench.errors import UserError
from lt_bench.run.experiment import Experiment
from lt_bench.run.log_backends import add_backends
from lt_bench.run.plan import Plan, make_plan

WANDB = """
import json, pathlib
class Config:
    def update(self, *args, **kwargs): pass
config = Config()
def _write(kind, content):
    with open(pathlib.Path(__file__).with_name("calls.jsonl"), "a") as file:
        file.write(json.dumps([kind, content], default=float) + chr(10))
class Run:
    def log_code(self, *args, **kwargs): pass
run = Run()
def init(**kwargs): _write("init", kwargs); return run
def log(content, **kwargs): _write("log", content)
def watch(*args, **kwargs): pass
def finish(*args, **kwargs): pass
join = finish
"""


def plan(folder: Path, **overrides: object) -> Plan:
    experiment = Experiment("ecm", dataset="lvis_v1", init="random", overrides=overrides)
    return make_plan(experiment, small_dataset(folder), 1, 2)


@pytest.fixture(autouse=True)
def nothing_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)  # so that it is taken out again
    monkeypatch.delitem(sys.modules, "wandb")


def stand_in(folder: Path) -> Path:
    """A package `wandb` that notes how it is called."""
    folder.mkdir()
    (folder / "wandb.py").write_text(WANDB, encoding="utf-8")
    return folder


def test_wandb_stays_offline_unless_the_user_says_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(stand_in(tmp_path / "site")))
    modes = []
    for environment in ("", "online"):
        monkeypatch.setenv("WANDB_MODE", environment)
        made = plan(tmp_path / "data")
        add_backends(made.cfg, ("wandb",), made.manifest)
        kinds = [backend.type for backend in made.cfg.visualizer.vis_backends]
        assert kinds == ["LocalVisBackend", "WandbVisBackend"]
        modes.append(made.cfg.visualizer.vis_backends[1].init_kwargs.get("mode"))
    assert modes == ["offline", None]  # None: wandb reads WANDB_MODE


def test_a_visualizer_by_hand_and_one_by_option_exclude_each_other(tmp_path: Path) -> None:
    made = plan(tmp_path, **{"+visualizer": {"type": "Visualizer"}})
    with pytest.raises(UserError, match="--set gives the run a visualizer"):
        add_backends(made.cfg, ("tensorboard",), made.manifest)


def test_a_package_that_is_broken_is_named_before_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (stand_in(tmp_path / "site") / "wandb.py").write_text("import not_there_at_all", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    made = plan(tmp_path / "data")
    with pytest.raises(UserError, match=r"wandb: .*not_there_at_all"):
        add_backends(made.cfg, ("wandb",), made.manifest)


@pytest.mark.extra
def test_the_curves_arrive_and_the_weights_are_the_same(small: Path, tmp_path: Path) -> None:
    site = stand_in(tmp_path / "site")
    run(tmp_path, *ECM, "--log", "wandb", "--work-dir", "work", "--set", "default_hooks.logger.interval=1", path=site)
    calls = [json.loads(line) for line in (site / "calls.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [kind for kind, _ in calls].count("init") == 1
    assert [content["iter"] for kind, content in calls if kind == "log" and "loss_cls" in content] == [1, 2]
    logged, plain = (torch.load(cwd / "work" / "iter_2.pth", weights_only=False) for cwd in (tmp_path, small))
    assert logged["state_dict"].keys() == plain["state_dict"].keys()
    assert all(torch.equal(value, plain["state_dict"][name]) for name, value in logged["state_dict"].items())

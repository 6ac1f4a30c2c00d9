"""A run leaves a record that verifies, the same every time, and is not repeated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lt_bench.errors import UserError
from lt_bench.evaluation.metrics import measure
from lt_bench.evaluation.terms import BoxOrMask
from lt_bench.features.store import FeatureSet
from lt_bench.leaderboard.verify import verify
from lt_bench.probe import one
from lt_bench.probe.one import run_probe
from lt_bench.probe.plan import Planner, ProbeRun
from lt_bench.probe.settings import Settings
from lt_bench.run.folder import RunFolder

BOXES: tuple[BoxOrMask, ...] = ("bbox",)
BUILT_IN = ("ce", "ecm", "eql", "eqlv2", "federated", "focal", "seesaw", "ldam", "efl", "acsl", "bags", "loce")


@pytest.fixture
def run(planner: Planner, tmp_path: Path) -> ProbeRun:
    return planner.run("seesaw", {"p": 0.5}, 3, tmp_path)


@pytest.mark.parametrize("loss", BUILT_IN)
def test_records_of_all_losses_verify(loss: str, planner: Planner, tmp_path: Path) -> None:
    run = planner.run(loss, {}, 1, tmp_path)
    record = run_probe(run)
    found = verify(RunFolder(run.folder).result)
    assert found.status == "verified" and found.problems == ()
    assert {"config", "evidence", "AP by class", "predictions", "seal"} <= set(found.checked)
    measured = measure(run.annotations, RunFolder(run.folder).predictions, kinds=BOXES, evaluator="lvis")
    assert measured.blocks()["metrics"]["bbox"] == record.metrics.of("bbox").model_dump()
    assert record.metrics.segm is None and record.track.features == "ce_0_abcdef01"
    assert record.iterations == 30 and record.seed == 1 and record.overrides == ("--steps 30",)


def test_training_helps(features: FeatureSet, tmp_path: Path) -> None:
    few, many = (run_probe(Planner(features, Settings(steps=n)).run("ce", {}, 0, tmp_path)) for n in (1, 150))
    assert many.metrics.of("bbox").AP > few.metrics.of("bbox").AP + 0.2


def test_the_same_again_whatever_came_before(planner: Planner, tmp_path: Path) -> None:
    digests: list[str] = []
    for folder in ("a", "b"):
        torch.manual_seed(len(digests))
        np.random.seed(7)
        digests.append(run_probe(planner.run("federated", {}, 5, tmp_path / folder)).predictions)
    assert digests[0] == digests[1]
    assert run_probe(planner.run("federated", {}, 6, tmp_path)).predictions != digests[0]


def test_a_finished_run_is_not_repeated(run: ProbeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    record = run_probe(run)
    monkeypatch.setattr(one, "_train", lambda *arguments: pytest.fail("it trains again"))
    assert run_probe(run) == record


@pytest.mark.parametrize("lost", ["evidence", "result"])
def test_one_that_lost_something_is_done_again(lost: str, run: ProbeRun) -> None:
    record = run_probe(run)
    file = getattr(RunFolder(run.folder), lost)
    file.unlink()
    again = run_probe(run)
    assert file.is_file() and again.metrics == record.metrics and again.predictions == record.predictions


def test_an_altered_record_is_refused(run: ProbeRun) -> None:
    record = run_probe(run)
    result = RunFolder(run.folder).result
    result.write_text(result.read_text().replace(f'"AP": {record.metrics.of("bbox").AP!r}', '"AP": 0.987'))
    with pytest.raises(UserError, match="changed after the run wrote it"):
        run_probe(run)


def test_features_that_were_changed_are_refused(run: ProbeRun) -> None:
    config = {**run.config, "probe": {**run.config["probe"]}}
    config["probe"]["features"] = {**config["probe"]["features"], "arrays": "0" * 64}
    with pytest.raises(UserError, match="changed while this went on"):
        run_probe(replace(run, config=config))


def test_held_out_images_are_evaluated_and_not_trained_on(features: FeatureSet, tmp_path: Path) -> None:
    run = Planner(features, Settings(steps=4, evaluate="held_out")).run("ce", {}, 0, tmp_path)
    record = run_probe(run)
    assert record.data.val_images == 8 and record.overrides == ("--steps 4", "--evaluate held_out")
    assert verify(RunFolder(run.folder).result).status == "verified"
    batches, per_epoch = one._batches(run, features)
    seen = {image for step in range(20) for _, images in batches._order.at(step) for image in images.tolist()}
    assert per_epoch >= 32 and seen == set(range(8, 40))  # the first eight are held out


def test_one_thread_computes(run: ProbeRun) -> None:
    threads = []
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        run_probe(run, report=lambda share: threads.append(torch.get_num_threads()))
        assert set(threads) == {1}
    finally:
        torch.set_num_threads(before)


def test_what_is_done_is_told(run: ProbeRun) -> None:
    shares: list[float] = []
    run_probe(run, report=shares.append)
    assert shares == sorted(shares) and 0 < shares[0] < 0.5 and shares[-1] == 1

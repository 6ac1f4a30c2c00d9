"""Calibrations of a trained classifier: each a run of its own, from one training."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lt_bench.api.calibration import NotDefinedError
from lt_bench.api.calibrations import Asked
from lt_bench.data.fractal_dimension import fractal_dimension
from lt_bench.errors import UserError
from lt_bench.features.store import FeatureSet
from lt_bench.leaderboard.verify import verify
from lt_bench.probe import one
from lt_bench.probe.one import run_probe
from lt_bench.probe.plan import Planner, ProbeRun
from lt_bench.probe.settings import Settings
from lt_bench.probe.workers import Outcome, Watcher, run_all
from lt_bench.run.folder import RunFolder

NORCAL = Asked("norcal", {"gamma": 0.4})


def predictions_of(run: ProbeRun) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(RunFolder(run.folder).predictions.read_bytes())
    return found


def by_hand(run: ProbeRun, features: FeatureSet, logits_of: Any, scores_of: Any) -> dict[tuple[int, int], float]:
    """The best score of each image and category, by a classifier that is trained again.

    Non-maximum suppression leaves the best box of a class in an image, whatever it takes away.
    """
    head, _ = one._train(run, features, "cpu", lambda share: None)
    split, best = features.split("val"), {}
    for place, image in enumerate(split.image_ids.tolist()):
        rows = slice(int(split.first[place]), int(split.first[place + 1]))
        logits = logits_of(head, torch.tensor(np.array(split.features[rows])).float())
        for label, score in enumerate(scores_of(logits)[:, :-1].amax(dim=0).tolist()):
            best[image, features.manifest.categories[label].id] = score
    return best


def check_best_scores(run: ProbeRun, expected: dict[tuple[int, int], float]) -> None:
    found: dict[tuple[int, int], float] = {}
    for row in predictions_of(run):
        key = row["image_id"], row["category_id"]
        found[key] = max(row["score"], found.get(key, 0.0))
    assert len(found) > 20
    for key, score in found.items():
        assert score == pytest.approx(expected[key], rel=1e-5)


def test_scores_are_those_of_the_formula_and_the_records_verify(
    planner: Planner, features: FeatureSet, tmp_path: Path
) -> None:
    run = planner.run("ce", {}, 1, tmp_path, [NORCAL, Asked("logit_adjustment"), Asked("fracal")])
    own = run_probe(run)
    manifest = features.manifest
    train = json.loads(features.annotations("train").read_bytes())
    ids = [category.id for category in manifest.categories]
    centres = np.array([np.add(row["bbox"][:2], np.divide(row["bbox"][2:], 2)) for row in train["annotations"]]) / 64
    labels = np.array([ids.index(row["category_id"]) for row in train["annotations"]])
    dimension = torch.tensor(fractal_dimension(centres[:, 0], centres[:, 1], labels, len(ids)))
    images, instances = (torch.tensor(counts).double() for counts in (manifest.image_count, manifest.instance_count))

    def norcal(logits: torch.Tensor) -> torch.Tensor:
        factor = torch.cat([images**-0.4, torch.ones(1)])
        weighted = factor * logits.double().exp()
        return weighted / weighted.sum(dim=1, keepdim=True)

    def adjusted(logits: torch.Tensor) -> torch.Tensor:
        prior = torch.cat([len(ids) * instances / instances.sum(), torch.ones(1)])
        return (logits - prior.log()).softmax(dim=1)

    def fracal(logits: torch.Tensor) -> torch.Tensor:
        weight = -(images / manifest.num_images).log10() - np.log10(len(ids))
        scores = (logits + torch.cat([weight, torch.zeros(1)])).softmax(dim=1)
        scores = scores / torch.cat([dimension**2, torch.ones(1)])
        return scores / scores.sum(dim=1, keepdim=True)

    for calibrated, formula in zip(run.calibrations, (norcal, adjusted, fracal), strict=True):
        check_best_scores(calibrated, by_hand(run, features, lambda head, x: head.fc_cls(x), formula))
        record = one.finished_record(calibrated)
        assert record is not None and record.calibration is not None
        assert record.fingerprint == own.fingerprint and record.loss == own.loss
        assert record.training_seconds == own.training_seconds
        assert record.metrics != own.metrics
        assert verify(RunFolder(calibrated.folder).result).status == "verified"
    assert own.calibration is None and verify(RunFolder(run.folder).result).status == "verified"


def test_the_classifier_is_changed_for_tau_norm_alone(features: FeatureSet, tmp_path: Path) -> None:
    planner = Planner(features, Settings(recipe="plain", steps=30))
    run = planner.run("ce", {}, 1, tmp_path, [Asked("tau_norm", {"tau": 1.0}), Asked("norcal", {"gamma": 0.0})])
    own = run_probe(run)

    def normalised(head: Any, x: torch.Tensor) -> Any:
        weight = head.fc_cls.weight.detach().clone()
        weight[:-1] /= weight[:-1].norm(dim=1, keepdim=True)
        return x @ weight.T + head.fc_cls.bias.detach()

    check_best_scores(run.calibrations[0], by_hand(run, features, normalised, lambda z: z.softmax(dim=1)))
    unchanged = one.finished_record(run.calibrations[1])
    assert unchanged is not None and unchanged.metrics == own.metrics  # it came after, and has its own classifier


def test_one_training_serves_all_and_what_is_finished_is_not_repeated(
    planner: Planner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = []
    train = one._train

    def counted(*arguments: Any) -> Any:
        trained.append(1)
        return train(*arguments)

    monkeypatch.setattr(one, "_train", counted)
    alone = run_probe(planner.run("ce", {}, 1, tmp_path))
    both = planner.run("ce", {}, 1, tmp_path, [NORCAL])
    assert both.folder == planner.run("ce", {}, 1, tmp_path).folder
    assert run_probe(both) == alone and len(trained) == 2  # nothing is left of the first classifier
    assert run_probe(both) == alone and len(trained) == 2
    several = planner.run("ce", {}, 2, tmp_path, [NORCAL, Asked("norcal"), Asked("logit_adjustment")])
    run_probe(several)
    assert len(trained) == 3 and len({one.folder for one in several.calibrations}) == 3


def test_what_is_not_defined_is_refused_or_left_out(planner: Planner, tmp_path: Path) -> None:
    with pytest.raises(NotDefinedError, match=r"those of the loss 'seesaw' are of another form"):
        planner.run("seesaw", {}, 0, tmp_path, [NORCAL])
    with pytest.raises(NotDefinedError, match="those of the loss 'focal' are K = C logits"):
        planner.run("focal", {}, 0, tmp_path, [NORCAL])
    run = planner.run("focal", {}, 0, tmp_path, [NORCAL, Asked("fracal")], where_defined=True)
    assert [str(one.calibration["name"]) for one in run.calibrations if one.calibration] == ["fracal"]
    with pytest.raises(UserError, match=r"this one is a NormedLinear") as caught:
        planner.run("ce", {}, 0, tmp_path, [Asked("tau_norm")], where_defined=True)
    assert "recipe plain" in caught.value.remedy
    with pytest.raises(UserError, match="gamma is -1"):
        planner.run("ce", {}, 0, tmp_path, [Asked("norcal", {"gamma": -1.0})])


def test_workers_tell_of_each_run_and_name_the_one_that_fails(planner: Planner, tmp_path: Path) -> None:
    class Told(Watcher):
        def __init__(self) -> None:
            self.ends: list[str] = []

        def ended(self, outcome: Outcome) -> None:
            self.ends.append(outcome.run.folder.name.partition("_")[0])

    watcher, run = Told(), planner.run("ce", {}, 3, tmp_path, [NORCAL, Asked("norcal", {"gamma": 0.9})])
    broken = replace(run.calibrations[1], annotations=tmp_path / "nowhere.json")
    outcomes = run_all([replace(run, calibrations=(run.calibrations[0], broken))], 1, watcher=watcher)
    assert watcher.ends == ["ce", "ce+norcal", "ce+norcal"]
    assert [outcome.record is not None for outcome in outcomes] == [True, True, False]
    assert "nowhere.json" in outcomes[2].reason
    again = run_all([run], 1)
    assert all(outcome.record is not None for outcome in again)


def test_a_value_is_tuned_on_held_out_training_images_alone(features: FeatureSet, tmp_path: Path) -> None:
    planner = Planner(features, Settings(steps=30))
    run = planner.run("ce", {}, 1, tmp_path, [Asked("norcal", {"with_": "probs"})], tune=True)
    own = run_probe(run)
    assert own == run_probe(planner.run("ce", {}, 1, tmp_path))  # trained on all images, and so are the others
    record = one.finished_record(run.calibrations[0])
    assert record is not None and record.calibration is not None and record.calibration.tuned is not None
    assert "box AP on 8 held-out training images, of 11 values from 0 to 1" in record.calibration.tuned.rule
    assert verify(RunFolder(run.calibrations[0].folder).result).status == "verified"
    assert not (run.calibrations[0].folder / "tuning").exists()
    # Each value as a run of its own on the held-out images, which are not trained on then.
    held_out = Planner(features, Settings(steps=30, evaluate="held_out"))
    values = [round(0.1 * step, 1) for step in range(11)]
    asked = [Asked("norcal", {"with_": "probs", "gamma": value}) for value in values]
    each = held_out.run("ce", {}, 1, tmp_path / "each", asked)
    run_probe(each)
    measured = [found.metrics.of("bbox").AP for found in map(one.finished_record, each.calibrations) if found]
    assert len(set(measured)) > 1
    assert record.calibration.hyper_parameters["gamma"] == values[int(np.argmax(measured))]


def test_what_can_not_be_tuned(planner: Planner, features: FeatureSet, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--tune chooses gamma of norcal, and --calibrate gives it"):
        planner.run("ce", {}, 0, tmp_path, [NORCAL], tune=True)
    again = Planner(features, Settings(steps=30, evaluate="held_out"))
    with pytest.raises(UserError, match="choose and measure on the same images"):
        again.run("ce", {}, 0, tmp_path, [Asked("norcal")], tune=True)
    run = planner.run("ce", {}, 0, tmp_path, [Asked("norcal", {"method": "cb", "gamma": 0.5})])
    assert run.calibrations[0].tuning is None
    tuned = planner.run("ce", {}, 0, tmp_path, [Asked("norcal", {"method": "cb"})], tune=True).calibrations[0].tuning
    assert tuned is not None and tuned.values == (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

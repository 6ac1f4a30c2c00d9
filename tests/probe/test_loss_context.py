"""What a loss is told when it is trained on stored features, and which losses can't be."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from lt_bench import ClassStats, LongTailLoss, LossContext
from lt_bench.api.context import Need
from lt_bench.errors import UserError
from lt_bench.features.store import FeatureSet
from lt_bench.probe import plan
from lt_bench.probe.head import build_head
from lt_bench.probe.loss_context import refuse_unknown, told
from lt_bench.probe.one import run_probe
from lt_bench.probe.plan import Planner
from lt_bench.probe.settings import Settings


class Asking(LongTailLoss):
    needs: tuple[Need, ...] = ("assignment",)

    @property
    def num_logits(self) -> int:
        return self.num_classes + 1

    def forward(self, logits: Tensor, labels: Tensor, context: LossContext | None = None) -> Tensor:
        return logits.sum()

    def scores(self, logits: Tensor) -> Tensor:
        return logits.softmax(dim=1)


def test_a_loss_that_needs_the_assignment_is_refused_before_anything_is_trained(
    planner: Planner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "build_loss", lambda name, stats, **given: Asking(stats))
    with pytest.raises(UserError, match="needs the assignment of RoIs to ground truths") as caught:
        planner.run("ce", {}, 0, tmp_path)
    assert "run --loss ce" in str(caught.value.remedy)


def test_a_loss_that_can_do_without_runs_and_the_record_says_so(planner: Planner, tmp_path: Path) -> None:
    record = run_probe(planner.run("loce", {}, 0, tmp_path))
    assert any("without the assignment" in note for note in record.notes)


def test_a_loss_of_cosines_needs_a_normalised_classifier(features: FeatureSet, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="linear"):
        Planner(features, Settings(recipe="plain")).run("ldam", {}, 0, tmp_path)


def test_a_loss_that_needs_nothing_has_no_notes() -> None:
    loss = Asking(ClassStats([1, 2], [1, 2], 3))
    loss.needs = ()
    assert refuse_unknown(loss, "asking", {"type": "Linear"}) == []


def test_deferred_weights_set_in_at_the_step_they_should(features: FeatureSet) -> None:
    weight, bias = features.regression()
    counts = [100, 1, 10]
    head = build_head(
        loss={
            "loss": "ldam",
            "hyper_parameters": {"drw": True, "drw_from": 0.5},
            "image_count": counts,
            "instance_count": counts,
            "num_images": 100,
        },
        classifier={"type": "NormedLinear", "temperature": 20},
        coder={"target_means": [0.0] * 4, "target_stds": [0.1] * 4},
        class_agnostic=True,
        regression=(weight[:4], bias[:4]),
        seed=0,
    )
    loss = told(head, steps=4)
    logits, labels = torch.tensor([[9.0, 0, 0, 0], [0, 9.0, 0, 0]]), torch.tensor([0, 2])
    values = [loss(logits, labels)["loss_cls"].item() for _ in range(4)]
    assert values[0] == values[1] != values[2] == values[3]

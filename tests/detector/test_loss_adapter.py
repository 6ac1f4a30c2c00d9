"""The adapter and the box head, against stock mmdet."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from mmdet.registry import MODELS
from mmdet.utils import register_all_modules
from torch import Tensor

import lt_bench.detector  # noqa: F401 - registers the modules
from lt_bench.api.registry import list_losses, load_loss
from lt_bench.detector.loss_adapter import LossAdapter
from lt_bench.errors import RunFailedError

CLASSES = 5
COUNTS: dict[str, Any] = {
    "image_count": [1, 5, 20, 150, 300],
    "instance_count": [1, 6, 40, 300, 900],
    "num_images": 400,
}
LOSSES = [info.name for info in list_losses() if info.distribution == "lt_bench"]


@pytest.fixture(scope="module", autouse=True)
def _scope() -> None:
    register_all_modules()


def adapter(loss: str, **arguments: Any) -> LossAdapter:
    return LossAdapter(loss=loss, **COUNTS, **arguments)


def head_config(loss_cls: dict[str, Any], kind: str) -> dict[str, Any]:
    return {
        "type": kind,
        "in_channels": 8,
        "fc_out_channels": 16,
        "roi_feat_size": 2,
        "num_classes": CLASSES,
        "loss_cls": loss_cls,
        "loss_bbox": {"type": "L1Loss", "loss_weight": 1.0},
    }


def our_head(loss: str, **arguments: Any) -> Any:
    loss_cls = {"type": "LossAdapter", "loss": loss, **COUNTS}
    if load_loss(loss).cosine_logits:
        arguments.setdefault("cls_predictor_cfg", {"type": "NormedLinear", "temperature": 20})
    return MODELS.build({**head_config(loss_cls, "LongTailBBoxHead"), **arguments})


def targets(rois: int) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, CLASSES + 1, (rois,), generator=generator)
    boxes = torch.rand(rois, 4, generator=generator)
    return torch.zeros(rois, 5), labels, torch.ones(rois), boxes, (labels < CLASSES).float()[:, None].expand(-1, 4)


@pytest.mark.parametrize("loss", LOSSES)
def test_head_has_the_losses_channels_and_trains(loss: str) -> None:
    head = our_head(loss)
    head.init_weights()
    assert head.fc_cls.out_features == head.loss_cls.loss.num_logits
    cls_score, bbox_pred = head(torch.rand(12, 8, 2, 2))
    losses = head.loss(cls_score, bbox_pred, *targets(12))
    assert {"acc", "loss_bbox"} <= set(losses)
    total = sum(value for name, value in losses.items() if "loss" in name)
    total.backward()
    assert torch.isfinite(head.fc_cls.weight.grad).all()
    assert float(head.fc_cls.weight.grad.abs().sum()) > 0


@pytest.mark.parametrize("loss", LOSSES)
def test_scores_are_those_of_the_loss(loss: str) -> None:
    module = adapter(loss)
    logits = torch.randn(7, module.get_cls_channels(CLASSES))
    scores = module.get_activation(logits)
    assert scores.shape == (7, CLASSES + 1)
    assert torch.equal(scores, module.loss.scores(logits))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_rank_without_rois_still_calls_its_loss(loss: str) -> None:
    head = our_head(loss)
    head.init_weights()
    cls_score, bbox_pred = head(torch.rand(0, 8, 2, 2))
    losses = head.loss(cls_score, bbox_pred, *targets(0))
    total = sum(value for name, value in losses.items() if "loss" in name)
    assert any(name.startswith("loss_cls") for name in losses)
    total.backward()
    assert all(not parameter.grad.any() for parameter in head.parameters() if parameter.grad is not None)


def test_cross_entropy_equals_stock_mmdet() -> None:
    ours = our_head("ce")
    stock = MODELS.build(
        head_config({"type": "CrossEntropyLoss", "use_sigmoid": False, "loss_weight": 1.0}, "Shared2FCBBoxHead")
    )
    ours.init_weights()
    stock.load_state_dict(ours.state_dict())
    features = torch.rand(20, 8, 2, 2)
    values = [head.loss(*head(features), *targets(20)) for head in (ours, stock)]
    for name in ("loss_cls", "loss_bbox"):
        torch.testing.assert_close(values[0][name], values[1][name], rtol=1e-6, atol=1e-7)
    for value in values:
        (value["loss_cls"] + value["loss_bbox"]).backward()
    for mine, other in zip(ours.parameters(), stock.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-5, atol=1e-7)


def test_seesaw_equals_stock_mmdet() -> None:
    """mmdet's own SeesawLoss, over three batches of growing counts."""
    ours = adapter("seesaw")
    stock = MODELS.build({"type": "SeesawLoss", "num_classes": CLASSES, "p": 0.8, "q": 2.0})
    for seed in range(3):
        torch.manual_seed(seed)
        logits = torch.randn(16, CLASSES + 2)
        labels = torch.randint(0, CLASSES + 1, (16,))
        expected = stock(logits, labels, torch.ones(16), avg_factor=16.0)
        values = ours(logits, labels)
        for name in ("loss_cls_classes", "loss_cls_objectness"):
            torch.testing.assert_close(values[name], expected[name].reshape(()), rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(ours.get_activation(logits), stock.get_activation(logits))


def test_loss_weight_scales_every_term() -> None:
    logits, labels = torch.randn(6, CLASSES + 2), torch.tensor([0, 1, 2, 3, 4, 5])
    once, twice = adapter("seesaw")(logits, labels), adapter("seesaw", loss_weight=2.0)(logits, labels)
    assert {name: 2 * float(value) for name, value in once.items()} == pytest.approx(
        {name: float(value) for name, value in twice.items()}
    )


def test_rois_of_weight_zero_are_left_out() -> None:
    logits, labels = torch.randn(6, CLASSES + 1), torch.tensor([0, 1, 2, 3, 4, 5])
    weight = torch.tensor([1.0, 0, 1, 1, 0, 1])
    kept = weight > 0
    expected = adapter("ecm")(logits[kept], labels[kept])["loss_cls"]
    assert float(adapter("ecm")(logits, labels, weight)["loss_cls"]) == pytest.approx(float(expected))


def test_counts_of_another_class_list_are_refused() -> None:
    with pytest.raises(ValueError, match="5"):
        adapter("ce").get_cls_channels(80)


def test_reduction_is_the_losses_own() -> None:
    with pytest.raises(ValueError, match="reduction_override"):
        adapter("ce")(torch.zeros(1, 6), torch.tensor([0]), reduction_override="none")


def test_accuracy_counts_foreground() -> None:
    logits = torch.full((4, CLASSES + 1), -5.0)
    labels = torch.tensor([0, 1, 2, CLASSES])
    logits[0, 0] = logits[1, 1] = logits[2, 3] = logits[3, 4] = 5.0
    assert float(adapter("ecm").get_accuracy(logits, labels)["acc"]) == pytest.approx(200 / 3, rel=1e-5)


def test_loss_state_is_in_the_heads_checkpoint() -> None:
    head = our_head("eqlv2")
    head.init_weights()
    head.loss(*head(torch.rand(12, 8, 2, 2)), *targets(12))
    state = head.state_dict()
    assert any(name.startswith("loss_cls.loss.") and value.any() for name, value in state.items())
    other = our_head("eqlv2")
    other.load_state_dict(state)
    features = torch.rand(12, 8, 2, 2)
    assert torch.equal(
        head.loss(*head(features), *targets(12))["loss_cls"], other.loss(*other(features), *targets(12))["loss_cls"]
    )


def test_prior_probability_sets_the_bias() -> None:
    head = our_head("focal", prior_prob=0.01)
    head.init_weights()
    assert torch.sigmoid(head.fc_cls.bias).tolist() == pytest.approx([0.01] * CLASSES, rel=1e-5)
    with pytest.raises(ValueError, match="prior_prob"):
        our_head("focal", prior_prob=1.5)


def test_constants_that_the_classifier_starts_from() -> None:
    head = our_head("gumbel_ce", classifier_init={"weight": 0.001, "bias": -2.0})
    head.init_weights()
    assert (head.fc_cls.weight == 0.001).all()
    assert (head.fc_cls.bias == -2).all()
    assert head.fc_reg.weight.std() > 0


@pytest.mark.parametrize("loss", LOSSES)
def test_autocast_gives_finite_losses(loss: str) -> None:
    head = our_head(loss)
    head.init_weights()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = head.loss(*head(torch.rand(12, 8, 2, 2)), *targets(12))
    assert all(torch.isfinite(value).all() for value in losses.values())


def test_scores_that_are_nan_stop_a_prediction_and_not_a_training() -> None:
    module = adapter("ce")
    logits = torch.zeros(3, CLASSES + 1)
    logits[1, 2] = torch.nan
    assert module.get_activation(logits).isnan().any()
    module.eval()
    assert not module.get_activation(torch.zeros(3, CLASSES + 1)).isnan().any()
    assert module.get_activation(torch.zeros(0, CLASSES + 1)).shape == (0, CLASSES + 1)
    with pytest.raises(RunFailedError, match="scores of the loss 'ce' are NaN, of logits that are NaN too"):
        module.get_activation(logits)
    module.loss.scores = lambda logits: logits.softmax(dim=1) * torch.nan  # type: ignore[method-assign]
    with pytest.raises(RunFailedError, match="of logits from -2 to 0"):
        module.get_activation(torch.tensor([[0.0, -2.0]]))

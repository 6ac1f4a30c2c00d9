"""What the detector tells a loss: which ground truth each RoI belongs to, the classifier's norms, the epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from lt_bench.losses.loce import LOCE
from mmdet.models.task_modules.samplers import SamplingResult
from mmdet.registry import MODELS
from mmdet.utils import register_all_modules
from mmengine.config import ConfigDict
from mmengine.logging import MessageHub
from mmengine.optim import build_optim_wrapper
from torch import Tensor, nn

import lt_bench.detector  # noqa: F401 - registers the modules
from lt_bench.api.class_stats import ClassStats
from lt_bench.api.context import Assignment, LossContext, Need
from lt_bench.api.loss import LongTailLoss
from lt_bench.detector.box_head import LongTailBBoxHead
from lt_bench.errors import UserError

CLASSES = 5
COUNTS: dict[str, Any] = {
    "image_count": [1, 5, 20, 150, 300],
    "instance_count": [1, 6, 40, 300, 900],
    "num_images": 400,
}


@pytest.fixture(scope="module", autouse=True)
def _scope() -> None:
    register_all_modules()


@pytest.fixture(autouse=True)
def _hub() -> Iterator[None]:
    """What a test says of the iteration stays with it."""
    hub = MessageHub.get_current_instance()
    before = dict(hub.runtime_info)
    yield
    hub.runtime_info.clear()
    hub.runtime_info.update(before)


def make_head(loss: str, classifier: dict[str, Any] | None = None, **hyper_parameters: Any) -> LongTailBBoxHead:
    head: LongTailBBoxHead = MODELS.build(
        {
            "type": "LongTailBBoxHead",
            "in_channels": 8,
            "fc_out_channels": 16,
            "roi_feat_size": 2,
            "num_classes": CLASSES,
            "cls_predictor_cfg": classifier or {"type": "Linear"},
            "loss_cls": {"type": "LossAdapter", "loss": loss, "hyper_parameters": hyper_parameters, **COUNTS},
            "loss_bbox": {"type": "L1Loss", "loss_weight": 1.0},
        }
    )
    head.init_weights()
    return head


class Listening(LongTailLoss):
    """Keeps what it was told, and has a parameter of its own."""

    needs: tuple[Need, ...] = ("assignment", "classifier", "epoch")

    def __init__(self, stats: ClassStats) -> None:
        super().__init__(stats)
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.told: list[LossContext] = []

    @property
    def num_logits(self) -> int:
        return self.num_classes + 1

    def forward(  # type: ignore[override]
        self, logits: Tensor, labels: Tensor, context: LossContext
    ) -> Tensor:
        self.told.append(context)
        return torch.nn.functional.cross_entropy(self.scale * logits, labels)

    def scores(self, logits: Tensor) -> Tensor:
        return (self.scale * logits).softmax(dim=1)


def listening_head() -> tuple[LongTailBBoxHead, Listening]:
    head = make_head("ce")
    loss = Listening(ClassStats(**COUNTS))
    head.loss_cls.loss = loss
    return head, loss


def sampled(positive: list[int], negative: int, labels: list[int]) -> SamplingResult:
    """An image with RoIs of the ground truths `positive`, and background. labels: of the ground truths."""
    boxes = torch.tensor([[10.0 * n, 0, 10.0 * n + 8, 8] for n in range(len(labels))])
    result = SamplingResult.__new__(SamplingResult)
    result.pos_inds = torch.arange(len(positive))
    result.neg_inds = torch.arange(negative)
    result.pos_priors = boxes[positive] + 1
    result.neg_priors = torch.rand(negative, 4) + torch.tensor([0.0, 0.0, 5.0, 5.0])
    result.pos_assigned_gt_inds = torch.tensor(positive, dtype=torch.int64)
    result.pos_gt_bboxes = boxes[positive]
    result.pos_gt_labels = torch.tensor(labels, dtype=torch.int64)[positive]
    return result


@pytest.fixture
def images() -> list[SamplingResult]:
    return [sampled([1, 0, 1], 2, [3, 4]), sampled([], 3, []), sampled([0], 1, [2])]


# Image and ground truth of each RoI of `images`, in the order in which mmdet puts them.
IMAGE = [0, 0, 0, 0, 0, 1, 1, 1, 2, 2]
GROUND_TRUTH = [1, 0, 1, -1, -1, -1, -1, -1, 0, -1]
LABELS = [4, 3, 4, 5, 5, 5, 5, 5, 2, 5]


def losses_of(head: LongTailBBoxHead, images: list[SamplingResult]) -> dict[str, Any]:
    rois = torch.cat([torch.tensor(IMAGE, dtype=torch.float32)[:, None], torch.rand(len(IMAGE), 4)], dim=1)
    features = torch.rand(len(IMAGE), 8, 2, 2)
    cls_score, bbox_pred = head(features)
    found = head.loss_and_target(cls_score, bbox_pred, rois, images, ConfigDict(pos_weight=-1))
    assert found["bbox_targets"][0].tolist() == LABELS
    losses: dict[str, Any] = found["loss_bbox"]
    return {**losses, "logits": cls_score}


def test_the_loss_gets_what_it_needs_roi_by_roi(images: list[SamplingResult]) -> None:
    head, loss = listening_head()
    MessageHub.get_current_instance().update_info_dict({"iter": 30, "max_iters": 120})
    losses_of(head, images)
    (told,) = loss.told
    assert told.assignment is not None and told.classifier is not None and told.epoch is not None
    assert told.assignment.image_index.tolist() == IMAGE
    assert told.assignment.gt_index.tolist() == GROUND_TRUTH
    torch.testing.assert_close(told.classifier.weight_norms, head.fc_cls.weight.square().sum(dim=1).sqrt())
    assert not told.classifier.weight_norms.requires_grad
    assert told.epoch.share == 0.25


def test_rois_of_weight_zero_are_left_out_of_the_assignment_too() -> None:
    head, loss = listening_head()
    context = LossContext(Assignment(torch.tensor([0, 0, 1]), torch.tensor([4, -1, 6])))
    context = LossContext(context.assignment, head.loss_cls.context(head.fc_cls).classifier, None)
    loss.needs = ("assignment", "classifier")
    weight = torch.tensor([1.0, 0.0, 1.0])
    head.loss_cls(torch.zeros(3, CLASSES + 1), torch.tensor([0, 5, 1]), weight, context=context)
    assert loss.told[0].assignment is not None
    assert loss.told[0].assignment.gt_index.tolist() == [4, 6]


def test_without_a_runner_an_epoch_is_missed_by_name(images: list[SamplingResult]) -> None:
    head, _ = listening_head()
    for name in ("iter", "max_iters"):
        MessageHub.get_current_instance().runtime_info.pop(name, None)
    with pytest.raises(ValueError, match=r"needs context\.epoch"):
        losses_of(head, images)


def test_loce_observes_ground_truths_and_not_rois(images: list[SamplingResult]) -> None:
    head = make_head("loce", alpha=0.5)
    loss = head.loss_cls.loss
    assert isinstance(loss, LOCE)
    p = losses_of(head, images)["logits"].double().softmax(dim=1)
    # One observation each: the mean over the two RoIs of ground truth 1 of image 0, and single RoIs.
    expected = [0.01, 0.01, p[8, 2].item(), p[1, 3].item(), (p[0, 4] + p[2, 4]).item() / 2]
    for c, observed in enumerate(expected):
        assert loss.mean_score[c].item() == pytest.approx(0.5 * 0.01 + 0.5 * observed, rel=1e-5)


def test_a_parameter_of_the_loss_is_trained_and_saved(images: list[SamplingResult]) -> None:
    head, loss = listening_head()
    MessageHub.get_current_instance().update_info_dict({"iter": 0, "max_iters": 1})
    wrapper = build_optim_wrapper(head, {"type": "OptimWrapper", "optimizer": {"type": "SGD", "lr": 0.5}})
    losses = losses_of(head, images)
    wrapper.update_params(losses["loss_cls"] + losses["loss_bbox"])
    assert loss.scale.item() != 1.0
    assert head.state_dict()["loss_cls.loss.scale"].item() == loss.scale.item()
    fresh, other = listening_head()
    fresh.load_state_dict(head.state_dict())
    assert other.scale.item() == loss.scale.item()


def test_the_temperature_is_divided_out_of_a_loss_of_cosines(images: list[SamplingResult]) -> None:
    warm = make_head("ldam", {"type": "NormedLinear", "temperature": 20})
    cold = make_head("ldam", {"type": "NormedLinear", "temperature": 1})
    cold.load_state_dict(warm.state_dict())
    torch.manual_seed(0)
    found = losses_of(warm, images)
    torch.manual_seed(0)
    expected = losses_of(cold, images)
    torch.testing.assert_close(found["logits"], 20 * expected["logits"])
    torch.testing.assert_close(found["loss_cls"], expected["loss_cls"])
    for one, logits in ((warm, found["logits"]), (cold, expected["logits"])):
        scores = one.loss_cls.get_activation(logits)
        torch.testing.assert_close(scores, (30 * expected["logits"]).softmax(dim=1))


def test_a_loss_of_cosines_refuses_a_linear_classifier() -> None:
    with pytest.raises(UserError, match="normalised classifier"):
        make_head("ldam")

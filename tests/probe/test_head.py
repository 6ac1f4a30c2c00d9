"""The classifier begins as that of a run, and alike for all losses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from mmdet.models.layers.normed_predictor import NormedLinear

from lt_bench.detector.box_head import LongTailBBoxHead
from lt_bench.probe.head import build_head, trained_parameters

C, D = 40, 256
COUNTS = {
    "image_count": [1 + 3 * c for c in range(C)],
    "instance_count": [1 + 4 * c for c in range(C)],
    "num_images": 200,
}
CODER = {"target_means": [0.0] * 4, "target_stds": [0.1, 0.1, 0.2, 0.2]}
NORMED = {"type": "NormedLinear", "temperature": 20, "prior_prob": None}
REGRESSION = (np.arange(4 * C * D, dtype=np.float32).reshape(4 * C, D), np.ones(4 * C, dtype=np.float32))


def made(loss: str = "ce", seed: int = 0, classifier: dict[str, Any] = NORMED, **hyper: Any) -> LongTailBBoxHead:
    return build_head({"loss": loss, "hyper_parameters": hyper, **COUNTS}, classifier, CODER, False, REGRESSION, seed)


@pytest.mark.parametrize(("classifier", "kind"), [(NORMED, NormedLinear), ({"type": "Linear"}, torch.nn.Linear)])
def test_the_classifier_begins_like_mmdets(classifier: dict[str, Any], kind: type[torch.nn.Linear]) -> None:
    layer: Any = made(classifier=classifier).fc_cls
    assert type(layer) is kind and layer.weight.shape == (C + 1, D)
    assert float(layer.weight.detach().std()) == pytest.approx(0.01, rel=0.05)  # of BBoxHead's init_cfg
    assert abs(float(layer.weight.detach().mean())) < 5e-4
    assert not layer.bias.detach().any()


def test_prior_probability() -> None:
    bias = made("focal", classifier={"type": "Linear", "prior_prob": 0.01}).fc_cls.bias
    assert bias.detach().tolist() == pytest.approx([-math.log(99)] * C)


def test_losses_of_a_seed_begin_alike() -> None:
    weights = {loss: made(loss, 3).fc_cls.weight for loss in ("ce", "ecm", "eqlv2", "federated")}
    for weight in weights.values():
        assert torch.equal(weight, weights["ce"])
    assert not torch.equal(made("ce", 4).fc_cls.weight, weights["ce"])


def test_every_seed_gives_a_loss_draws_of_its_own() -> None:
    def drawn(seed: int) -> list[bool]:
        loss: Any = made("federated", seed, num_sample_cats=10).loss_cls.loss
        return loss._subset(torch.tensor([C])).tolist()

    torch.manual_seed(99)
    first = drawn(1)
    torch.manual_seed(98)
    assert drawn(1) == first
    assert drawn(2) != first


def test_only_the_classifier_is_trained() -> None:
    head = made()
    assert [tuple(one.shape) for one in trained_parameters(head)] == [(C + 1, D), (C + 1,)]
    np.testing.assert_array_equal(head.fc_reg.weight.numpy(), REGRESSION[0])
    assert not head.fc_reg.weight.requires_grad

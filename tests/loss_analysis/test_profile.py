"""Every number of a profile against the paper's formula, evaluated by hand in float64."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch
from lt_bench.losses.ce import CrossEntropy
from lt_bench.losses.ecm import ECM
from lt_bench.losses.eql import EQL
from lt_bench.losses.eqlv2 import EQLv2
from lt_bench.losses.federated import Federated
from lt_bench.losses.focal import Focal
from lt_bench.losses.seesaw import Seesaw
from profile_cases import STATS, Tiny, agree, profile, share, sigmoid
from torch import Tensor

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.loss import LongTailLoss
from lt_bench.loss_analysis import gradients
from lt_bench.loss_analysis.profile import frequency_groups, measure

C = STATS.num_classes


def test_ecm() -> None:
    found = profile(ECM)
    counts = [*STATS.instance_count, 6.3313 * sum(STATS.instance_count)]
    odds = [(sum(counts) - n) / n for n in counts]
    weight = [a * math.log((1 + a) / a) for a in odds]
    shift = [-math.log(a) / 4 for a in odds]
    assert found.exact
    agree(found.positive, [2 * w * sigmoid(-b) for w, b in zip(weight, shift, strict=True)])
    agree(found.negative, [2 * w * sigmoid(b) for w, b in zip(weight, shift, strict=True)])
    agree(found.margin, [math.log(a) / 8 for a in odds])
    agree(found.weight, [2 * w for w in weight])


def test_ce() -> None:
    found = profile(CrossEntropy)
    agree(found.positive, [1 - 1 / (C + 1)] * (C + 1))
    agree(found.negative, [1 / (C + 1)] * (C + 1))
    agree(found.margin, [math.log(C)] * (C + 1))
    agree(found.weight, [1.0] * (C + 1))


def test_focal_with_a_quarter_of_foreground() -> None:
    """The loss divides by the foreground RoIs, so a RoI counts four times as much as in a mean over RoIs."""
    alpha, gamma = 0.3, 1.5

    def pull(s: float, factor: float) -> float:
        """|d/ds| of -factor (1 - p)^gamma log(p) with p = sigmoid(s)."""
        p = sigmoid(s)
        return factor * (1 - p) ** gamma * ((1 - p) - gamma * p * math.log(p))

    def excess(s: float) -> float:
        return pull(s, alpha) - pull(-s, 1 - alpha)

    low, high = -5.0, 5.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    found = profile(Focal, alpha=alpha, gamma=gamma)
    agree(found.positive[:-1], [4 * pull(0, alpha)] * C)
    agree(found.negative[:-1], [4 * pull(0, 1 - alpha)] * C)
    agree(found.margin[:-1], [low] * C)
    agree(found.weight[:-1], [4 * 2 * pull(low, alpha)] * C)


def test_eql_spares_rare_classes_the_other_objects() -> None:
    found = profile(EQL, lambda_=0.0105)
    rare = [count / STATS.num_images < 0.0105 for count in STATS.image_count]
    assert 0 < sum(rare) < C
    # Of the RoIs that are not of the class, a rare one sees background only.
    seen = [0.75 / (1 - share(c)) if rare[c] else 1.0 for c in range(C)]
    agree(found.positive[:-1], [0.5] * C)
    agree(found.negative[:-1], [0.5 * part for part in seen])
    np.testing.assert_allclose(found.margin[:-1], [-math.log(part) for part in seen], atol=1e-9)
    agree(found.weight[:-1], [2 * sigmoid(math.log(part)) for part in seen])


def test_seesaw_punishes_classes_by_objects_only() -> None:
    found = profile(Seesaw)
    agree(found.positive, [1 - 1 / C] * C + [0.5])
    agree(found.negative, [(0.25 - share(c)) / (1 - share(c)) / C for c in range(C)] + [0.5])
    assert (found.margin[-1], found.weight[-1]) == pytest.approx((0, 1))


class Recorded(EQLv2):
    """Keeps the labels of its training calls."""

    def __init__(self, stats: ClassStats) -> None:
        super().__init__(stats)
        self.calls: list[list[int]] = []

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self.training:
            self.calls.append(labels.tolist())
        return super().forward(logits, labels)


def test_eqlv2_after_training_calls() -> None:
    """The recursion of the paper on the labels that the loss was given."""
    made: list[Recorded] = []

    def build() -> Recorded:
        made.append(Recorded(STATS))
        return made[-1]

    found = measure("eqlv2", build, calls=20)
    calls = made[-1].calls
    assert len(calls) == 20
    up, down = [0.0] * C, [0.0] * C
    q, r = [1.0] * C, [1.0] * C
    for labels in calls:
        for c in range(C):
            count = labels.count(c)
            up[c] += q[c] * 0.5 * count
            down[c] += r[c] * 0.5 * (len(labels) - count)
            r[c] = sigmoid(12 * (up[c] / (down[c] + 1e-10) - 0.8))
            q[c] = 1 + 4 * (1 - r[c])
    agree(found.positive, [0.5 * weight for weight in q] + [0.5])
    agree(found.negative, [0.5 * weight for weight in r] + [0.5])
    agree(found.margin[:-1], [math.log(p / n) for p, n in zip(q, r, strict=True)])
    assert found.calls == 20


@pytest.mark.parametrize("cls", [CrossEntropy, ECM, EQL])
def test_the_ratio_is_that_of_sums_over_a_batch(cls: type[LongTailLoss]) -> None:
    """By summing the gradient itself, over a batch whose labels occur in the proportions of the statistics."""
    stats = ClassStats([5, 50, 500], [10, 60, 130], 600)
    found = measure("loss", partial(cls, stats))
    labels = torch.tensor([0] * 10 + [1] * 60 + [2] * 130 + [3] * 600)
    loss = cls(stats)
    logits = torch.zeros(800, loss.num_logits, dtype=torch.float64, requires_grad=True)
    value = loss(logits, labels)
    assert isinstance(value, Tensor)
    (gradient,) = torch.autograd.grad(value, logits)
    for c in range(3):
        own = gradient[:, c]
        up, down = float(-own[labels == c].sum()), float(own[labels != c].sum())
        assert found.pull_up[c] == pytest.approx(up)
        assert found.pull_down[c] == pytest.approx(down)
        assert found.ratio[c] == pytest.approx(up / down)


def test_a_loss_in_single_precision_is_measured_as_well() -> None:
    found = profile(Tiny)
    np.testing.assert_allclose(found.margin[:-1], 0, atol=1e-5)
    agree(found.weight[:-1], [1.0] * C, rel=1e-5)


@pytest.mark.parametrize("cls", [CrossEntropy, ECM, EQL, EQLv2, Federated, Focal, Seesaw])
def test_one_class_is_enough(cls: type[LongTailLoss], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradients, "CALLS", 10)
    found = measure("loss", partial(cls, ClassStats([5], [9], 10)), calls=2)
    assert found.positive[0] >= 0 and found.negative[0] >= 0


def test_measuring_leaves_the_loss_and_the_generator_as_they_were() -> None:
    made: list[LongTailLoss] = []

    def build() -> LongTailLoss:
        made.append(Seesaw(STATS))
        return made[-1]

    torch.rand(1)  # so that the state is not that of a seed
    before = torch.random.get_rng_state()
    measure("seesaw", build)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert made and all(int(loss.get_buffer("cum_samples").sum()) == 0 for loss in made)


def test_the_same_seed_gives_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradients, "CALLS", 100)
    build = partial(Federated, STATS, num_sample_cats=3)
    one, same, other = (measure("federated", build, calls=3, seed=seed).negative for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other, equal_nan=True)


def test_groups_are_by_images() -> None:
    expected = "rare frequent common rare frequent rare common frequent background"
    assert frequency_groups(STATS).tolist() == expected.split()

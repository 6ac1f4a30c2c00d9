"""Gradients by class: of losses that draw, of background, and of a loss that has none."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from lt_bench.losses.ce import CrossEntropy
from lt_bench.losses.ecm import ECM
from lt_bench.losses.eql import EQL
from lt_bench.losses.federated import Federated
from lt_bench.losses.seesaw import Seesaw
from profile_cases import STATS, Unfinished, agree, profile

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.loss import LongTailLoss
from lt_bench.loss_analysis import gradients
from lt_bench.loss_analysis.profile import measure

C = STATS.num_classes


@pytest.mark.slow
def test_federated_is_averaged_over_its_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against draws by numpy: of two images of three classes, and of further classes up to five labels a batch."""
    calls = 3000
    monkeypatch.setattr(gradients, "CALLS", calls)
    stats = ClassStats([900, 500, 300, 200, 100, 50, 20, 10, 5, 1], [9, 50, 30, 20, 40, 5, 2, 10, 5, 1], 700)
    found = measure("federated", partial(Federated, stats, num_sample_cats=5))
    generator = np.random.default_rng(0)
    instances = np.array(stats.instance_count) / sum(stats.instance_count)
    weight = np.sqrt(stats.image_count)
    occurrences = round(2 * sum(stats.image_count) / stats.num_images)
    assert occurrences == 6
    pull, others = np.zeros(10), np.zeros(10)
    for _ in range(20_000):
        labels = generator.choice(10, occurrences, p=instances)[np.arange(16) % occurrences]
        present = np.unique(labels)
        chances = weight.copy()
        chances[present] = 0
        wanted = 5 - len(present) - 1  # background is a label of the batch, too
        drawn = generator.choice(10, max(0, wanted), replace=False, p=chances / chances.sum())
        count = 64 - np.bincount(labels, minlength=10)
        others += count
        pull[[*present, *drawn]] += 0.5 * count[[*present, *drawn]]
    assert not found.exact
    # Five standard deviations of a frequency over the calls
    np.testing.assert_allclose(found.negative[:-1], pull / others, atol=5 * 0.5 * math.sqrt(0.25 / calls))
    agree(found.positive[:-1], [0.5] * 10)
    agree(found.margin[:-1], np.log(0.5 / found.negative[:-1]).tolist())
    assert np.isnan([found.positive[-1], found.negative[-1], found.margin[-1], found.weight[-1]]).all()


@pytest.mark.parametrize(("cls", "channel"), [(CrossEntropy, C), (ECM, C), (Seesaw, C + 1), (EQL, -1), (Federated, -1)])
def test_the_channel_of_background_is_found(cls: type[LongTailLoss], channel: int) -> None:
    """Seesaw's last but one says object, Federated's last gets no gradient, EQL has none."""
    assert gradients.exact_gradients(cls(STATS)).channels.tolist() == [*range(C), channel]


def test_a_gradient_that_is_not_finite_is_an_error() -> None:
    with pytest.raises(ArithmeticError, match="not finite"):
        profile(Unfinished)

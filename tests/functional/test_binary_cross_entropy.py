"""Binary cross-entropy's sums on every device."""

from __future__ import annotations

import pytest
import torch
from loss_cases import LOSSES, make_batch, make_stats

from lt_bench.functional import sigmoid_gradient_sums


def test_gradient_sums_equal_the_cpus(request: pytest.FixtureRequest) -> None:
    logits, labels = make_batch(LOSSES["eqlv2"](make_stats()), 30)
    expected = sigmoid_gradient_sums(logits, labels)
    request.getfixturevalue("no_cpu")
    for found, wanted in zip(sigmoid_gradient_sums(logits, labels), expected, strict=True):
        torch.testing.assert_close(found, wanted)

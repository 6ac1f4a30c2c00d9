"""Every check that lt_bench has for a loss: gradient, precision, empty batches, two ranks, cost and the rest."""

from __future__ import annotations

from lt_bench.testing import check_loss

from lt_bench_logit_adjusted import LogitAdjusted


def test_the_loss_passes_every_check() -> None:
    check_loss(LogitAdjusted)

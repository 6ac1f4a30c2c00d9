"""Each check catches the loss that is broken in its way, and no other check does."""

from __future__ import annotations

import pytest
from broken_losses import BROKEN, Counting, Sigmoid, Softmax, Weighted

from lt_bench.api.loss import LongTailLoss
from lt_bench.testing import CHECKS, run_checks

LOSSES = [(check, cls) for check, classes in BROKEN.items() for cls in classes]


def test_there_is_a_broken_loss_for_each_check() -> None:
    assert list(BROKEN) == list(CHECKS)


@pytest.mark.slow
@pytest.mark.parametrize("cls", [Softmax, Sigmoid, Counting, Weighted])
def test_what_the_broken_losses_derive_from_passes(cls: type[LongTailLoss]) -> None:
    assert [(result.check, result.detail) for result in run_checks(cls) if result.status == "failed"] == []


@pytest.mark.slow
@pytest.mark.parametrize(("check", "cls"), LOSSES, ids=[cls.__name__ for _, cls in LOSSES])
def test_exactly_its_check_fails(check: str, cls: type[LongTailLoss]) -> None:
    failed = {result.check: result.detail for result in run_checks(cls) if result.status == "failed"}
    assert failed.keys() == {check}, failed

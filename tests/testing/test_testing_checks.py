"""Each check catches the loss that is broken in its way, and no other check does."""

from __future__ import annotations

import pytest
from broken_losses import BROKEN, Counting, Sigmoid, Softmax, Weighted
from lt_bench.losses.seesaw import Seesaw

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


def test_the_gradient_check_says_what_it_held_constant() -> None:
    (result,) = run_checks(Seesaw, only=["gradient"])
    assert "with q=0.0" in result.detail


def test_a_class_that_no_other_process_can_import_has_no_ranks() -> None:
    class Local(Counting):
        pass

    (result,) = run_checks(Local, only=["ranks"])
    assert result.status == "not applicable"
    assert "pickled" in result.detail

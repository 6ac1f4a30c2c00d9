"""The built-in losses pass, and a failure comes with a case that can be made again."""

from __future__ import annotations

import warnings

import pytest
import torch
from broken_losses import BrokenAllBackground, BrokenBfloat16, BrokenHyperParameters, BrokenOrder, Counting, Softmax
from lt_bench.losses.ce import CrossEntropy
from lt_bench.losses.ecm import ECM
from lt_bench.losses.eql import EQL
from lt_bench.losses.eqlv2 import EQLv2
from lt_bench.losses.federated import Federated
from lt_bench.losses.focal import Focal
from lt_bench.losses.seesaw import Seesaw
from torch import Tensor

from lt_bench.api.loss import LongTailLoss
from lt_bench.errors import UserError
from lt_bench.testing import CHECKS, Result, check_loss, run_checks
from lt_bench.testing.cases import all_cases, long_tail, lvis_scale, make_case

LOSSES = (CrossEntropy, Focal, EQL, EQLv2, Seesaw, Federated, ECM)
STATEFUL = (EQLv2, Seesaw, Federated)


@pytest.mark.parametrize(
    "cls", [pytest.param(cls, marks=() if cls in (Seesaw, ECM) else pytest.mark.slow) for cls in LOSSES]
)
def test_a_built_in_loss_passes_everything(cls: type[LongTailLoss]) -> None:
    results = {result.check: result for result in check_loss(cls)}
    assert list(results) == list(CHECKS)
    without = {check for check, result in results.items() if result.status == "not applicable"}
    assert without == (set() if cls in STATEFUL else {"checkpoint", "ranks"}) | (
        {"hyper-parameters"} if cls is CrossEntropy else set()
    )


def test_the_gradient_check_says_what_it_held_constant() -> None:
    (result,) = run_checks(Seesaw, only=["gradient"])
    assert "with q=0.0" in result.detail


def only_result(cls: type[LongTailLoss], check: str, seed: int = 0) -> Result:
    (result,) = run_checks(cls, seed, [check])
    return result


@pytest.mark.parametrize(
    ("cls", "check"), [(BrokenBfloat16, "bfloat16"), (BrokenOrder, "order"), (BrokenAllBackground, "all-background")]
)
def test_the_same_seed_gives_the_same_failing_case(cls: type[LongTailLoss], check: str) -> None:
    alone = only_result(cls, check)
    among_others = {result.check: result for result in run_checks(cls, 0, ["gradient", check, "scores"])}[check]
    assert alone.case is not None
    assert alone == among_others
    assert alone.case != only_result(cls, check, seed=1).case


def test_the_failing_case_is_small_and_fails_again_by_itself() -> None:
    case = only_result(BrokenAllBackground, "all-background").case
    assert case is not None
    assert (case.stats.num_classes, case.labels) == (1, (1,))
    loss = BrokenAllBackground(case.stats)
    assert not loss(*case.batch(loss.num_logits)).isfinite()  # type: ignore[union-attr]


def test_a_smaller_case_keeps_the_logits_of_the_rois_that_are_left() -> None:
    case = make_case(long_tail(5), [0, 5, 2, 4], seed=3)
    logits, _ = case.batch(6)
    smaller = list(case.fewer())
    assert [len(one.labels) for one in smaller] == [2, 2, 3, 3, 3, 3]
    for one in smaller:
        assert torch.equal(one.batch(6)[0], logits[list(one.rows)])
        assert one.labels == tuple(case.labels[row] for row in one.rows)


def test_statistics_of_lvis_scale() -> None:
    stats = lvis_scale()
    groups = [0, 0, 0]
    for count in stats.image_count:
        groups[(count > 10) + (count > 100)] += 1
    assert groups == [337, 461, 405]
    assert (min(stats.instance_count), max(stats.instance_count)) == (1, 50_000)
    assert [case.stats.num_classes for case in all_cases(0)] == [1, 2, 5, 30, 1203]


def test_hyper_parameters_reach_the_loss() -> None:
    (result,) = run_checks(ECM, only=["gradient"], hyper_parameters={"fg_bg_ratio": -1.0})
    assert result.status == "failed"
    assert "fg_bg_ratio" in result.detail


def test_check_loss_raises_with_table_case_and_how_to_repeat_it() -> None:
    with pytest.raises(AssertionError) as caught:
        check_loss(BrokenHyperParameters, tau=2.0)
    text = str(caught.value)
    assert "FAILED  tau=nan" in text
    again = "run_checks(BrokenHyperParameters, seed=0, only=['hyper-parameters'], hyper_parameters={'tau': 2.0})"
    assert again in text
    assert "instance counts [3000, " in text


def test_an_unknown_check_is_named() -> None:
    with pytest.raises(UserError, match="did you mean 'gradient'"):
        run_checks(Softmax, only=["gradeint"])


class Raising(Softmax):
    """Fails in a way that no check expects."""

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        raise SystemExit("out of a plugin")


def test_an_exception_of_the_loss_is_a_failure_and_no_crash() -> None:
    results = run_checks(Raising)
    failed = [result.check for result in results if result.status == "failed"]
    assert set(failed) == set(CHECKS) - {"scores", "monotone", "arguments", "hyper-parameters"}
    assert all("out of a plugin" in result.detail for result in results if result.check in ("gradient", "cost"))


def test_a_class_that_no_other_process_can_import_has_no_ranks() -> None:
    class Local(Counting):
        pass

    result = only_result(Local, "ranks")
    assert result.status == "not applicable"
    assert "pickled" in result.detail


def test_checks_leave_generators_threads_and_warnings_alone() -> None:
    torch.manual_seed(5)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert all(result.status != "failed" for result in run_checks(Softmax, only=set(CHECKS) - {"ranks", "cost"}))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads

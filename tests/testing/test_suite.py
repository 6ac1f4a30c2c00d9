"""The built-in losses pass every check, and a failure comes with what is needed to see it again."""

from __future__ import annotations

import warnings

import pytest
import torch
from broken_losses import BrokenAllBackground, BrokenBfloat16, BrokenHyperParameters, BrokenOrder, Softmax
from loss_cases import LOSSES, STATEFUL
from lt_bench.losses.ecm import ECM
from torch import Tensor

from lt_bench.api.loss import LongTailLoss
from lt_bench.errors import UserError
from lt_bench.testing import CHECKS, Result, check_loss, run_checks

FIRST_OF_ALL = ("ce", "focal", "eql", "eqlv2", "seesaw", "federated", "ecm")
MARKS = {**dict.fromkeys(LOSSES, pytest.mark.extra), **dict.fromkeys(FIRST_OF_ALL, pytest.mark.slow)}
WITHOUT_HYPER_PARAMETERS = ("ce", "bce", "balanced_softmax", "iif")
NEEDY = ("loce",)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in ("seesaw", "ecm") else MARKS[name]) for name in LOSSES]
)
def test_a_built_in_loss_passes_everything(name: str) -> None:
    results = {result.check: result for result in check_loss(LOSSES[name])}
    assert list(results) == list(CHECKS)
    assert {check for check, result in results.items() if result.status == "not applicable"} == {
        *(() if name in STATEFUL else ("checkpoint", "ranks")),
        *(() if name in NEEDY else ("context",)),
        *(("hyper-parameters",) if name in WITHOUT_HYPER_PARAMETERS else ()),
    }


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
    assert set(failed) == set(CHECKS) - {"scores", "monotone", "arguments", "context", "hyper-parameters"}
    assert all("out of a plugin" in result.detail for result in results if result.check in ("gradient", "cost"))


def test_checks_leave_generators_threads_and_warnings_alone() -> None:
    torch.manual_seed(5)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert all(result.status != "failed" for result in run_checks(Softmax, only=set(CHECKS) - {"ranks", "cost"}))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads

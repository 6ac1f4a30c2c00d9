"""The compiled sums that a GPU uses, here compiled for the processor or, where only the formulas matter, not at all."""

from __future__ import annotations

import sys
import threading

import pytest
import torch
from loss_cases import LOSSES, make_batch, make_stats, total, value_and_gradient
from test_golden import check_golden
from torch import Tensor

from lt_bench import functional
from lt_bench.functional import chunks, compiled
from lt_bench.selftest import vectors

sums = sys.modules["lt_bench.functional.binary_cross_entropy"]


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every loss takes the path of a GPU, with formulas that are not compiled."""
    monkeypatch.setattr(compiled, "usable", lambda logits: True)
    for name in ("binary_cross_entropy", "binary_cross_entropy_gradient", "focal", "focal_gradient"):
        monkeypatch.setattr(compiled, name, getattr(compiled, f"_{name}"))


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("name", LOSSES)
def test_formulas_give_the_golden_vectors(name: str) -> None:
    check_golden(vectors.FOLDER / f"{name}.npz")


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("num_rois", [0, 1, 9])
def test_formulas_equal_the_other_path(name: str, num_rois: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    loss = LOSSES[name](make_stats()).eval()
    logits, labels = make_batch(loss, num_rois)
    value, gradient = value_and_gradient(loss, logits, labels)
    monkeypatch.setattr(compiled, "usable", lambda logits: False)
    expected, expected_gradient = value_and_gradient(loss, logits, labels)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient, expected_gradient)


@pytest.mark.slow
def test_they_compile_and_equal_their_formulas() -> None:
    assert compiled._problem.__wrapped__(torch.device("cpu"), torch.float32) == ""


def test_only_a_gpu_uses_them() -> None:
    assert not compiled.usable(torch.zeros(4, 5))


def test_a_compiler_that_fails_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: object) -> Tensor:
        raise RuntimeError("no compiler here\nand a long story")

    monkeypatch.setattr(compiled, "focal", fail)
    for name in ("binary_cross_entropy", "binary_cross_entropy_gradient", "focal_gradient"):
        monkeypatch.setattr(compiled, name, getattr(compiled, f"_{name}"))
    with pytest.warns(UserWarning, match="can't be used on cpu: RuntimeError: no compiler here; going on"):
        assert compiled._problem.__wrapped__(torch.device("cpu"), torch.float32)


def test_a_compiler_that_is_wrong_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("binary_cross_entropy", "binary_cross_entropy_gradient", "focal"):
        monkeypatch.setattr(compiled, name, getattr(compiled, f"_{name}"))
    monkeypatch.setattr(compiled, "focal_gradient", lambda *given: 1.01 * compiled._focal_gradient(*given))
    with pytest.warns(UserWarning, match="not those of the uncompiled formulas"):
        assert compiled._problem.__wrapped__(torch.device("cpu"), torch.float64)


def test_the_switch_leaves_them_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(compiled.SWITCH, "0")
    monkeypatch.setattr(compiled, "focal", None)
    assert compiled._problem.__wrapped__(torch.device("cpu"), torch.float32) == "LT_BENCH_COMPILE=0"


def test_a_cpu_says_why_not() -> None:
    assert compiled.why_not(torch.device("cpu")) == "the CPU has a path of its own"


@pytest.mark.parametrize("name", LOSSES)
def test_a_first_call_in_inference_mode_spoils_no_later_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "_kept", threading.local())  # the tensor that is kept does not exist yet
    monkeypatch.setattr(sums, "ROWWISE", 1)
    loss = LOSSES[name](make_stats()).eval()
    logits, labels = make_batch(loss)
    with torch.inference_mode():
        expected = total(loss(logits, labels)).item()
    torch.manual_seed(0)
    assert value_and_gradient(loss, logits, labels)[0].item() == pytest.approx(expected)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_logit_that_is_no_number_is_not_hidden(name: str, bad: float) -> None:
    loss = LOSSES[name](make_stats()).eval()
    logits, labels = make_batch(loss)
    logits[1, 1 - int(labels[1] == 1)] = bad  # of a foreground RoI, at another class
    assert not total(loss(logits, labels)).isfinite()


def test_minus_infinity_in_the_last_channel_of_a_roi_without_a_channel_is_a_negative_of_no_loss() -> None:
    logits, labels = torch.zeros(2, 3), torch.tensor([0, 3])
    logits[1, 2] = -torch.inf
    log_2 = torch.log(torch.tensor(2.0))
    torch.testing.assert_close(functional.binary_cross_entropy(logits, labels), 5 * log_2)
    expected = 0.25 * (0.25 + 4 * 0.75) * log_2
    torch.testing.assert_close(functional.focal_loss(logits, labels, alpha=0.25, gamma=2.0), expected)


def test_chunks_do_not_change_a_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    loss = LOSSES["ecm"](make_stats())
    logits, labels = make_batch(loss, num_rois=23)
    expected = value_and_gradient(loss, logits, labels)
    for entries in (1, 6, 30, 66):
        monkeypatch.setattr(chunks, "CHUNK", entries)
        for given, wanted in zip(value_and_gradient(loss, logits, labels), expected, strict=True):
            torch.testing.assert_close(given, wanted, rtol=1e-13, atol=1e-16)

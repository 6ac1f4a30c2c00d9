"""The formulas as they are compiled for a GPU: here for the processor, or where that does not matter not at all."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lt_bench.functional import compiled
from lt_bench.functional.binary_cross_entropy import plain_binary_cross_entropy
from lt_bench.functional.focal import plain_focal_loss


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_problems", {})


def batch(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(64, 37, dtype=dtype), torch.randint(38, (64,))


@pytest.mark.slow
def test_the_formulas_compile_and_give_the_same() -> None:
    logits, labels = batch()
    negative, positive, shift = torch.rand(3, 37)
    bce = (labels, negative, positive, 2.0, shift, shift > 0.5)
    assert compiled.problem(plain_binary_cross_entropy, logits, *bce) == ""
    assert compiled.problem(plain_focal_loss, logits, labels, 0.25, 2.0) == ""


def test_only_a_gpu_uses_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_compiled", None)
    logits, labels = batch()
    expected = plain_focal_loss(logits, labels, 0.25, 2.0)
    assert torch.equal(compiled.call(plain_focal_loss, logits, labels, 0.25, 2.0), expected)
    assert compiled.why_not(torch.device("cpu")) == "the CPU has a path of its own"


def test_a_compiler_that_fails_is_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: object) -> Tensor:
        raise RuntimeError("no compiler here\nand a long story")

    monkeypatch.setattr(compiled, "_compiled", lambda formula: fail)
    with pytest.warns(
        UserWarning, match="focal_loss can't be compiled: RuntimeError: no compiler here; going"
    ) as caught:
        for _ in range(2):
            assert compiled.problem(plain_focal_loss, *batch(), 0.25, 2.0) == "RuntimeError: no compiler here"
    assert len(caught) == 1


@pytest.mark.parametrize("what", ["value", "gradient"])
def test_a_compiler_that_is_wrong_is_found_out(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(logits: Tensor, *given: object) -> Tensor:
        loss = plain_focal_loss(logits, *given)  # type: ignore[arg-type]
        return 1.01 * loss if what == "value" else loss + (logits - logits.detach()).sum()

    monkeypatch.setattr(compiled, "_compiled", lambda formula: wrong)
    with pytest.warns(UserWarning, match="not those of the uncompiled formula"):
        assert compiled.problem(plain_focal_loss, *batch(torch.float64), 0.25, 2.0)


def test_the_switch_leaves_them_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(compiled.SWITCH, "0")
    monkeypatch.setattr(compiled, "_compiled", None)
    assert compiled.problem(plain_focal_loss, *batch(), 0.25, 2.0) == "LT_BENCH_COMPILE=0"


def test_a_first_call_in_inference_mode_is_compared_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_compiled", lambda formula: formula)
    with torch.inference_mode():
        assert compiled.problem(plain_focal_loss, *batch(), 0.25, 2.0) == ""

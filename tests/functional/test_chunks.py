"""The CPU's way through large logits."""

from __future__ import annotations

import threading

import pytest
import torch
from loss_cases import LOSSES, make_batch, make_stats, total, value_and_gradient

from lt_bench.functional import chunks


@pytest.mark.parametrize("name", LOSSES)
def test_a_first_call_in_inference_mode_spoils_no_later_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "_kept", threading.local())  # the tensor that is kept does not exist yet
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
    value = total(loss(logits, labels))
    if bad == float("inf") and name in ("gol", "gumbel_ce"):  # which bound their logits, infinite ones too
        logits[1, 1 - int(labels[1] == 1)] = float(loss.clamp_high)  # type: ignore[arg-type]
        assert value == total(loss(logits, labels))
    else:
        assert not value.isfinite()


def test_chunks_do_not_change_a_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    loss = LOSSES["ecm"](make_stats())
    logits, labels = make_batch(loss, num_rois=23)
    expected = value_and_gradient(loss, logits, labels)
    for entries in (1, 6, 30, 66):
        monkeypatch.setattr(chunks, "CHUNK", entries)
        monkeypatch.setattr(chunks, "ROWWISE", entries)
        for given, wanted in zip(value_and_gradient(loss, logits, labels), expected, strict=True):
            torch.testing.assert_close(given, wanted, rtol=1e-13, atol=1e-16)

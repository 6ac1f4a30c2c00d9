"""Focal loss on every device but the CPU."""

from __future__ import annotations

from loss_cases import LOSSES, make_batch, make_stats, value_and_gradient


def test_huge_logits_have_finite_gradients_whatever_gamma(no_cpu: None) -> None:
    for gamma in (0.0, 0.5, 2.0):
        loss = LOSSES["focal"](make_stats(), gamma=gamma)  # type: ignore[call-arg]
        logits, labels = make_batch(loss, 30)
        value, gradient = value_and_gradient(loss, 1e4 * logits.sign().float(), labels)
        assert value.isfinite() and gradient.isfinite().all()

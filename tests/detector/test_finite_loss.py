"""What is said of a loss or a gradient that is not finite, and what a skipped step leaves as it was."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from lt_bench.detector.finite_loss import FiniteLossHook
from lt_bench.detector.guarded_steps import GuardedOptimWrapper
from lt_bench.detector.loss_adapter import LossAdapter
from lt_bench.errors import UserError

NAN, INF = float("nan"), float("inf")


def iterate(hook: FiniteLossHook, iteration: int, loss: float, last: int = 1000) -> None:
    """The iteration of this number, from 0 on, of a runner that does nothing else."""
    runner: Any = SimpleNamespace(iter=iteration, max_iters=last)
    hook.after_train_iter(runner, iteration, outputs={"loss": torch.tensor(loss), "loss_mask": torch.tensor(0.5)})


@pytest.mark.parametrize("wrong", [NAN, INF, -INF])
def test_a_loss_that_was_not_finite_once_is_named_at_the_next_reading(wrong: float) -> None:
    hook = FiniteLossHook(interval=4)
    for iteration, loss in enumerate((1.0, wrong, 2.0)):
        iterate(hook, iteration, loss)
    with pytest.raises(FloatingPointError, match=rf"NaN at iteration 2: loss {wrong}, loss_mask 0\.5"):
        iterate(hook, 3, 3.0)


def test_no_checkpoint_is_written_after_a_loss_that_was_not_finite() -> None:
    hook = FiniteLossHook()
    runner: Any = SimpleNamespace(iter=1)
    hook.before_save_checkpoint(runner, {})
    iterate(hook, 0, 1.0)
    hook.before_save_checkpoint(runner, {})
    iterate(hook, 1, NAN)
    with pytest.raises(FloatingPointError, match="iteration 2"):
        hook.before_save_checkpoint(runner, {})


def test_the_last_loss_is_read() -> None:
    hook = FiniteLossHook()
    iterate(hook, 5, 1.0, last=6)
    with pytest.raises(FloatingPointError):
        iterate(hook, 6, NAN, last=7)


class Model(nn.Module):
    """Two parameters, BatchNorm, and a loss with state: the mean logit is pushed to the value of an image."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.norm = nn.Linear(3, 3, bias=False), nn.BatchNorm1d(3)
        nn.init.eye_(self.body.weight)
        self.loss_cls = LossAdapter("eqlv2", image_count=[9, 3], instance_count=[9, 3], num_images=10)

    def forward(self, values: Tensor) -> dict[str, Tensor]:
        logits = self.norm(self.body(values))
        terms: dict[str, Tensor] = self.loss_cls(logits, torch.tensor([0, 1, 2]))
        terms["loss_bbox"] = (self.body(values) ** 2).mean()
        terms["loss"] = torch.stack(list(terms.values())).sum()
        return terms


def train(
    hook: FiniteLossHook,
    batches: Sequence[float],
    accumulated: int = 1,
    spoil: Callable[[int, Model], None] = lambda number, model: None,
    wrapper: type[OptimWrapper] = GuardedOptimWrapper,
    infinite: int = -1,
) -> tuple[Model, OptimWrapper]:
    """As mmengine's loop does it. batches: what the images are multiplied by. spoil: called after each backward.
    infinite: the iteration, from 0 on, in which infinity is added to the loss, which leaves its gradient finite.
    """
    torch.manual_seed(0)
    model = Model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    wrapped = wrapper(optimizer, accumulative_counts=accumulated)
    runner: Any = SimpleNamespace(
        model=model, optim_wrapper=wrapped, max_iters=1000, iter=0, logger=logging.getLogger("run"), _resume=False
    )
    backward = wrapped.backward
    hook.before_train(runner)
    for number, factor in enumerate(batches):
        meta = {"img_id": 10 + number, "img_path": f"/data/{number}.jpg"}
        batch = {"data_samples": [SimpleNamespace(metainfo=meta)]}
        runner.iter = number
        hook.before_train_iter(runner, number, batch)
        terms = model(factor * torch.arange(9.0).sin().view(3, 3))

        if number == infinite:
            terms["loss"] = terms["loss"] + INF

        def then_spoil(loss: Tensor, number: int = number, **kwargs: Any) -> None:
            backward(loss, **kwargs)
            spoil(number, model)

        wrapped.backward = then_spoil  # type: ignore[method-assign]
        wrapped.update_params(terms["loss"])
        hook.after_train_iter(runner, number, batch, dict(terms))
    return model, wrapped


def spoil_gradient(number: int, model: Model) -> None:
    if number == 1:
        assert model.body.weight.grad is not None
        model.body.weight.grad[0, 0] = INF


def test_parts_of_the_loss_images_and_the_largest_logit_are_named() -> None:
    with pytest.raises(FloatingPointError) as caught:
        train(FiniteLossHook(interval=3), [1.0, INF, 1.0])
    said = str(caught.value)
    assert "NaN at iteration 2, in loss_cls" in said
    assert "loss_bbox" in said
    assert "largest logit: nan" in said
    assert "images: 11 (/data/1.jpg)" in said


def test_the_largest_logit_is_that_of_its_iteration(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    forward = LossAdapter.forward

    def noted(self: LossAdapter, logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
        seen.append(max(abs(value) for row in logits.tolist() for value in row))
        return forward(self, logits, labels)

    monkeypatch.setattr(LossAdapter, "forward", noted)
    with pytest.raises(FloatingPointError, match="iteration 2, in loss_bbox: ") as caught:
        train(FiniteLossHook(interval=3), [1.0, 1e25, 1.0])  # squared it overflows; BatchNorm keeps the logits small
    assert f"largest logit: {seen[1]:.4g}" in str(caught.value)


def test_a_gradient_that_is_not_finite_is_named_by_its_parameters_though_the_loss_is() -> None:
    with pytest.raises(FloatingPointError, match=r"gradient .* iteration 2, in body\.weight; the loss was loss_"):
        train(FiniteLossHook(interval=4), [1.0] * 4, spoil=spoil_gradient)


def state(model: Model, wrapper: OptimWrapper) -> dict[str, Tensor]:
    momentum = [row["momentum_buffer"] for row in wrapper.optimizer.state.values()]
    return {**model.state_dict(), **{f"momentum {place}": value for place, value in enumerate(momentum)}}


@pytest.mark.parametrize("accumulated", [1, 2])
def test_a_skipped_step_leaves_all_as_if_its_batches_had_not_been_there(accumulated: int) -> None:
    wrong = [NAN, 2.0] if accumulated == 2 else [NAN]
    hook = FiniteLossHook(on_nan="skip")
    batches = [1.0, 2.0, *wrong, 3.0, 0.5]
    found = state(*train(hook, batches, accumulated))
    without = state(*train(FiniteLossHook(), [1.0, 2.0, 3.0, 0.5], accumulated))
    assert hook.skipped == 1
    assert found.keys() == without.keys()
    assert all(torch.equal(found[name], without[name]) for name in found)
    assert all(bool(torch.isfinite(value).all()) for value in found.values())


def test_a_step_with_a_gradient_that_is_not_finite_is_skipped_too(caplog: pytest.LogCaptureFixture) -> None:
    hook = FiniteLossHook(on_nan="skip")
    found = state(*train(hook, [1.0, 5.0, 1.0], spoil=spoil_gradient))
    without = state(*train(FiniteLossHook(), [1.0, 1.0]))
    assert hook.skipped == 1
    assert all(torch.equal(found[name], without[name]) for name in found)
    assert "images: 11 (/data/1.jpg)" in caplog.text
    assert "1 so far" in caplog.text


def test_a_step_is_skipped_for_the_loss_of_any_of_its_batches() -> None:
    hook = FiniteLossHook(on_nan="skip")
    found = state(*train(hook, [1.0, 2.0, 3.0, 0.5], 2, infinite=2))
    without = state(*train(FiniteLossHook(), [1.0, 2.0], 2))
    assert hook.skipped == 1
    assert all(torch.equal(found[name], without[name]) for name in found)


def test_of_several_heads_the_largest_logit_is_named() -> None:
    hook = FiniteLossHook(interval=1)
    heads = [LossAdapter("ce", image_count=[1], instance_count=[1], num_images=1) for _ in range(3)]
    runner: Any = SimpleNamespace(iter=0, max_iters=9, model=nn.ModuleList(heads))
    hook.before_train(runner)
    for head, logit in zip(heads, (1.0, -7.5, 2.0), strict=True):
        head(torch.full((2, 2), logit), torch.tensor([0, 1]))
    with pytest.raises(FloatingPointError, match=r"largest logit: 7\.5$"):
        iterate(hook, 0, NAN)


def test_weights_that_are_spoiled_end_the_run_all_the_same() -> None:
    hook = FiniteLossHook(on_nan="skip")
    with pytest.raises(FloatingPointError, match="20 optimizer steps in a row were skipped"):
        train(hook, [NAN] * 30)


def test_guarded_steps_are_mmengines_while_all_is_finite() -> None:
    found = state(*train(FiniteLossHook(on_nan="skip"), [1.0, 2.0, 3.0]))
    stock = state(*train(FiniteLossHook(), [1.0, 2.0, 3.0], wrapper=OptimWrapper))
    assert all(torch.equal(found[name], stock[name]) for name in stock)


def test_steps_that_nobody_looks_at_can_not_be_skipped() -> None:
    with pytest.raises(UserError, match="OptimWrapper"):
        train(FiniteLossHook(on_nan="skip"), [1.0], wrapper=OptimWrapper)


def test_the_count_goes_on_in_a_resumed_run_and_not_in_one_that_takes_weights() -> None:
    hook = FiniteLossHook(on_nan="skip")
    train(hook, [1.0, NAN, 1.0])
    checkpoint: dict[str, Any] = {}
    runner: Any = SimpleNamespace(_resume=True)
    hook.before_save_checkpoint(runner, checkpoint)
    later = FiniteLossHook(on_nan="skip")
    later.after_load_checkpoint(SimpleNamespace(_resume=False), checkpoint)  # type: ignore[arg-type]
    assert later.skipped == 0
    later.after_load_checkpoint(runner, checkpoint)
    train(later, [1.0, NAN, 1.0])
    assert later.skipped == 2

"""What becomes of a run whose loss or gradient is infinite or NaN, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor, nn

from lt_bench.detector.guarded_steps import GuardedSteps
from lt_bench.detector.loss_adapter import LossAdapter
from lt_bench.errors import UserError

OnNaN = Literal["stop", "skip"]
MOST_IN_A_ROW = 20  # skipped steps after which the weights themselves are taken for spoiled
NAMED = 3  # parameters of which a message gives the names
IMAGES = 16  # images of which a message gives the files


@dataclass
class _Iteration:
    """What was seen of an iteration, on the device until it is read. images: all since the last optimizer step."""

    number: int
    terms: dict[str, Tensor]
    images: list[str] = field(default_factory=list)
    logit: Tensor | None = None
    gradient: Tensor | None = None
    parameters: list[nn.Parameter] = field(default_factory=list)

    def flaws(self) -> list[Tensor]:
        """Whether the loss is not finite, and whether the gradient is not."""
        whole = torch.zeros((), dtype=torch.bool, device=self.terms["loss"].device)
        gradient = whole if self.gradient is None else ~torch.isfinite(self.gradient).all()
        return [~torch.isfinite(self.terms["loss"]), gradient.to(whole.device)]


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Stops the run when a loss or a gradient was NaN or infinite, or leaves out such optimizer steps.

    interval: to stop, every iteration is noted on the device, and the notes are read (which waits for a GPU) so often,
    at the last iteration, and before a checkpoint is written, so that no checkpoint holds what such a loss left behind.
    on_nan: "skip" leaves out the optimizer step, and puts the model's buffers, the state of the loss among them, back
    to where they were before it. Each iteration is read then. skipped: how many steps were, counted on in checkpoints.

    Raises FloatingPointError that names the iteration, the parts of its loss, the largest logit and the images; also
    where MOST_IN_A_ROW steps in a row were skipped.
    """

    def __init__(self, interval: int = 50, on_nan: OnNaN = "stop") -> None:
        if on_nan not in ("stop", "skip"):
            raise ValueError(f"on_nan is {on_nan!r}, expected 'stop' or 'skip'")
        self.interval, self.on_nan = interval, on_nan
        self.skipped = 0
        self._in_a_row = 0
        self._noted: list[_Iteration] = []
        self._images: list[str] = []  # since the last optimizer step
        self._logit: Tensor | None = None
        self._buffers: list[tuple[nn.Module, str, Tensor]] | None = None  # before the step that is under way

    def before_train(self, runner: Runner) -> None:
        for module in runner.model.modules():
            if isinstance(module, LossAdapter):
                module.register_forward_pre_hook(self._look_at_logits, with_kwargs=True)
        if self.on_nan == "skip":
            wrapper = runner.optim_wrapper
            if not isinstance(wrapper, GuardedSteps):
                raise UserError(
                    f"--on-nan skip can't look at the steps of {type(wrapper).__name__}",
                    "leave out --on-nan skip, or the --set that changed optim_wrapper",
                )
            wrapper.skips, wrapper.skipped = True, self.skipped

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        if self.on_nan == "skip" and self._buffers is None:
            modules = list(runner.model.modules())
            self._buffers = [
                (module, name, buffer.clone())
                for module in modules
                for name, buffer in module._buffers.items()
                if buffer is not None
            ]

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        self._images += images_of(data_batch)
        logit, self._logit = self._logit, None
        if not outputs:
            return
        terms = {name: value.detach() for name, value in outputs.items() if isinstance(value, Tensor)}
        seen = _Iteration(runner.iter + 1, terms, list(self._images), logit)
        wrapper = getattr(runner, "optim_wrapper", None)
        if isinstance(wrapper, GuardedSteps) and wrapper.largest is not None:
            seen.gradient, wrapper.largest = wrapper.largest, None
            seen.parameters = wrapper.parameters
        self._noted.append(seen)
        if self.on_nan == "skip":
            self._count(runner)
        elif self.every_n_train_iters(runner, self.interval) or self.is_last_train_iter(runner):
            self._check(runner)
        if not isinstance(wrapper, GuardedSteps) or wrapper.should_update():
            self._images, self._buffers = [], None

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        if self.on_nan == "stop":
            self._check(runner)
        checkpoint["skipped_steps"] = self.skipped

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        if runner._resume:
            self.skipped = int(checkpoint.get("skipped_steps", 0))

    def _look_at_logits(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        logits = args[0] if args else kwargs["cls_score"]
        if logits.numel():
            largest = logits.detach().abs().amax()  # NaN if one is
            self._logit = largest if self._logit is None else torch.maximum(self._logit, largest)

    def _check(self, runner: Runner) -> None:
        seen = self._first_flawed()
        self._noted.clear()
        if seen is not None:
            raise FloatingPointError("\n".join(self._described(runner, seen)))

    def _first_flawed(self) -> _Iteration | None:
        if not self._noted:
            return None
        flawed = torch.stack([torch.stack(one.flaws()).any() for one in self._noted]).tolist()
        return next((one for one, flaw in zip(self._noted, flawed, strict=True) if flaw), None)

    def _count(self, runner: Runner) -> None:
        """After an iteration: put back the buffers if its optimizer step was skipped, and say so."""
        seen = self._first_flawed()
        if seen is not None and seen is self._noted[-1]:
            runner.logger.warning("; ".join(self._described(runner, seen)))
        wrapper = runner.optim_wrapper
        if not wrapper.should_update():
            return  # the notes of an accumulation stay until its end
        self._noted.clear()
        if wrapper.skipped == self.skipped:
            self._in_a_row = 0
            return
        self.skipped, self._in_a_row = wrapper.skipped, self._in_a_row + 1
        runner.logger.warning(f"iteration {runner.iter + 1}: optimizer step skipped, {self.skipped} so far")
        self._restore()
        if self._in_a_row >= MOST_IN_A_ROW:
            why = self._described(runner, seen) if seen is not None else ["the loss of another process is not finite"]
            raise FloatingPointError("\n".join([f"{self._in_a_row} optimizer steps in a row were skipped", *why]))

    def _restore(self) -> None:
        with torch.no_grad():
            for module, name, before in self._buffers or ():
                now = module._buffers[name]
                if now is not None and now.shape == before.shape:
                    now.copy_(before)
                else:
                    module._buffers[name] = before

    def _described(self, runner: Runner, seen: _Iteration) -> Iterator[str]:
        values = {name: float(value) for name, value in seen.terms.items()}
        wrong, gradient = (bool(flaw) for flaw in seen.flaws())
        if wrong:
            parts = [name for name, value in values.items() if name != "loss" and not _is_finite(value)]
            yield (
                f"the loss became infinite or NaN at iteration {seen.number}"
                + (f", in {', '.join(parts)}" if parts else "")
                + f": {', '.join(f'{name} {value:.4g}' for name, value in values.items())}"
            )
        elif gradient:
            yield (
                f"the gradient became infinite or NaN at iteration {seen.number}, in {_names(runner, seen)}; the loss "
                f"was {', '.join(f'{name} {value:.4g}' for name, value in values.items())}"
            )
        if seen.logit is not None:
            yield f"largest logit: {float(seen.logit):.4g}"
        if seen.images:
            more = f" and {len(seen.images) - IMAGES} more" if len(seen.images) > IMAGES else ""
            yield f"images: {', '.join(seen.images[:IMAGES])}{more}"


def images_of(batch: Any) -> list[str]:
    """The images of a batch of training data, with id and file; none of what is no such batch."""
    samples: Sequence[Any] = batch.get("data_samples", ()) if isinstance(batch, dict) else ()
    found = [getattr(sample, "metainfo", {}) for sample in samples]
    return [f"{meta.get('img_id', '?')} ({meta.get('img_path', '?')})" for meta in found]


def _is_finite(value: float) -> bool:
    return abs(value) < float("inf")


def _names(runner: Runner, seen: _Iteration) -> str:
    """The parameters whose gradients are not finite."""
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert seen.gradient is not None
    finite = torch.isfinite(seen.gradient).tolist()
    wrong = [names.get(id(one), "?") for one, is_finite in zip(seen.parameters, finite, strict=True) if not is_finite]
    return ", ".join(wrong[:NAMED]) + (f" and {len(wrong) - NAMED} more" if len(wrong) > NAMED else "")

"""Optimizer steps that are looked at before they are taken: whether loss and gradient are finite."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from torch import Tensor

IN_PLACE_OF = {"OptimWrapper": "GuardedOptimWrapper", "AmpOptimWrapper": "GuardedAmpOptimWrapper"}


class GuardedSteps(OptimWrapper):
    """Notes the largest entries of the gradient, and leaves out the steps that would spoil the weights where asked to.

    skips: whether to. Each step then waits for a GPU. skipped: how many steps were left out, on every rank alike.
    largest: the largest absolute entry of the gradient of each of `parameters` at the last step, [P], on the device;
    None before the first step, and with mixed precision, whose scaled gradients overflow now and then: its scaler
    leaves out such steps by itself, and lowers the scale.
    """

    skips = False
    skipped = 0
    largest: Tensor | None = None
    parameters: list[torch.nn.Parameter]
    _finite: Tensor | None = None  # whether all losses since the last step were

    def update_params(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        if self.skips:
            finite = torch.isfinite(loss.detach())
            self._finite = finite if self._finite is None else self._finite & finite
        super().update_params(loss, *args, **kwargs)

    def step(self, **kwargs: Any) -> None:
        if not isinstance(self, AmpOptimWrapper):
            self.parameters = self._with_gradient()
            if self.parameters:  # an inf-norm is NaN if one entry is
                gradients = [one.grad for one in self.parameters if one.grad is not None]
                self.largest = torch.stack(torch._foreach_norm(gradients, float("inf")))
        if self.skips and not self._is_finite():
            self.skipped += 1
            return
        super().step(**kwargs)

    def _with_gradient(self) -> list[torch.nn.Parameter]:
        groups = self.optimizer.param_groups
        return [one for group in groups for one in group["params"] if one.grad is not None and not one.grad.is_sparse]

    def _is_finite(self) -> bool:
        """Of all ranks: a loss may be NaN on one of them alone."""
        assert self._finite is not None
        finite, self._finite = self._finite, None
        if self.largest is not None:
            finite = finite & torch.isfinite(self.largest).all()
        agreed = finite.to(torch.int64)
        all_reduce(agreed, "min")
        return bool(agreed)


@OPTIM_WRAPPERS.register_module()
class GuardedOptimWrapper(GuardedSteps):
    """mmengine's OptimWrapper with guarded steps."""


@OPTIM_WRAPPERS.register_module()
class GuardedAmpOptimWrapper(GuardedSteps, AmpOptimWrapper):
    """mmengine's AmpOptimWrapper with guarded steps."""

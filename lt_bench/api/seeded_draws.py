"""Random draws that are state: a run resumed from a checkpoint draws what an uninterrupted one would."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor

if TYPE_CHECKING:
    from lt_bench.api.loss import LongTailLoss

    _Base = LongTailLoss
else:
    _Base = object


class SeededDraws(_Base):
    """Put before LongTailLoss among the bases of a loss that draws.

    Such a loss draws in one method, `draw_sample(labels)`, which a test can replace by official draws. A draw depends
    on a seed (torch.initial_seed() at construction), the number of the call and the rank, on no global generator.

    State (`add_draw_state`; changed in training mode only): seed, draw, int64 scalars. They are read at the first call
    and after a state dict was loaded, so that a GPU need not be asked at each.

    sample_axis: along which axis of what `draw_sample` returns the RoIs lie; None where no axis is theirs.
    """

    sample_axis: int | None = 0
    seed: Tensor
    draw: Tensor

    def draw_sample(self, labels: Tensor) -> Any:
        """What this call draws, for labels int64 [N]: a tensor, or a tuple of tensors."""
        raise NotImplementedError

    def add_draw_state(self) -> None:
        self.add_state("seed", torch.tensor(torch.initial_seed() & (2**63 - 1)))
        self.add_state("draw", torch.tensor(0))
        self._draw_state_on_host: tuple[int, int] | None = None

    def next_generator(self) -> torch.Generator:
        """A generator on the CPU for this call's draws."""
        if self._draw_state_on_host is None:
            self._draw_state_on_host = int(self.seed), int(self.draw)
        seed, draw = self._draw_state_on_host
        if self.training:
            self.draw += 1
            self._draw_state_on_host = seed, draw + 1
        rank = dist.get_rank() if dist.is_available() and dist.is_initialized() else 0
        # The CPU generator uses the low 32 bits of a seed only, so they must depend on all of the key.
        digest = hashlib.sha256(f"{seed}/{draw}/{rank}".encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:4], "little"))

    def _load_from_state_dict(self, *arguments: Any) -> None:
        super()._load_from_state_dict(*arguments)  # type: ignore[no-untyped-call]
        self._draw_state_on_host = None

"""A box head that two ranks train together, each on its part of the RoIs, or one process on all of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from box_head_cases import make_head
from command_line import _context
from mmdet.utils import register_all_modules
from mmengine.logging import MMLogger
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

import lt_bench.detector  # noqa: F401 - registers the modules
from lt_bench.api.registry import build_loss

WORLD_SIZE = 2
CLASSES = 5
ROIS = 16
State = dict[str, Tensor]
LOSSES: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in ("ce", "focal", "eql", "eqlv2", "seesaw", "ecm")},
    "federated": ("federated", {"num_sample_cats": CLASSES + 1}),  # all classes, whatever is drawn
    "federated, few": ("federated", {"num_sample_cats": 2}),
    "seesaw, official": ("seesaw", {"reduce_counts": False}),
}
# Of each step: how many RoIs are rank 0's, and how many of either rank's show an object.
PARTS: dict[str, Sequence[tuple[int, tuple[int, int]]]] = {
    "the same objects": [(8, (3, 3)), (8, (2, 2)), (8, (4, 4))],
    "other objects": [(8, (5, 1)), (8, (1, 3)), (8, (2, 4))],
    "other RoIs": [(11, (5, 2)), (4, (1, 6)), (9, (3, 3))],
    "no object": [(8, (5, 0)), (8, (0, 3)), (8, (0, 0))],
    "no RoI": [(16, (5, 0)), (0, (0, 3)), (8, (2, 4))],
}


@dataclass(frozen=True)
class Batch:
    """RoI features [N, 4, 1, 1], labels [N] and box targets [N, 4]."""

    features: Tensor
    labels: Tensor
    targets: Tensor
    first: int  # RoIs that are rank 0's
    foreground: Sequence[int] = field(default=(0, 0))

    def of(self, rank: int | None) -> tuple[Tensor, Tensor, Tensor]:
        part = {None: slice(None), 0: slice(self.first), 1: slice(self.first, None)}[rank]
        return self.features[part], self.labels[part], self.targets[part]


def batches(parts: str) -> list[Batch]:
    """The same ones on each rank, float64."""
    generator = torch.Generator().manual_seed(1)
    found = []
    for first, foreground in PARTS[parts]:
        labels = torch.full((ROIS,), CLASSES)
        for begin, number in zip((0, first), foreground, strict=True):
            labels[begin : begin + number] = torch.randint(CLASSES, (number,), generator=generator)
        numbers = torch.randn(ROIS, 8, dtype=torch.float64, generator=generator) * 2
        found.append(Batch(numbers[:, :4, None, None], labels, numbers[:, 4:], first, foreground))
    return found


class Head(nn.Module):
    """The head, called for its loss as a detector does. seen: is given its logits [N, K] and deltas [N, 4 C]."""

    def __init__(self, name: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        loss, hyper_parameters = LOSSES[name]
        self.head = make_head(CLASSES, False, loss)
        self.head.loss_cls.loss = build_loss(loss, self.head.loss_cls.loss.stats, **hyper_parameters)
        self.head.init_weights()
        self.double()
        with torch.no_grad():  # of scores that differ
            self.head.fc_cls.weight.mul_(50)

    def forward(
        self, features: Tensor, labels: Tensor, targets: Tensor, seen: Callable[[Tensor, Tensor], None] | None = None
    ) -> Tensor:
        logits, deltas = self.head(features)
        if seen is not None:
            seen(logits, deltas)
        weights = torch.where(labels < CLASSES, 1.0, 0.0).double()[:, None].expand_as(targets)
        rois = torch.zeros(len(labels), 5, dtype=torch.float64)
        found = self.head.loss(logits, deltas, rois, labels, torch.ones(len(labels)), targets, weights)
        terms = [value for name, value in found.items() if "loss" in name]
        return torch.stack([term.sum() for term in terms]).sum()


def train(name: str, parts: str, rank: int | None, weigh: bool = False) -> State:
    """Three steps of SGD on this rank's part of each batch, or on all of it.

    weigh: multiply the gradient of each RoI's outputs by what it counts for among two ranks, of which each divides by
    its own number of RoIs (focal, for its logits: of objects), and which are then averaged.
    """
    module = Head(name)
    model: nn.Module = module if rank is None else DistributedDataParallel(module, broadcast_buffers=False)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    for batch in batches(parts):
        optimizer.zero_grad()
        model(*batch.of(rank), _weigher(name, batch) if weigh else None).backward()
        optimizer.step()
    return {key: value.clone() for key, value in module.state_dict().items()}


def _weigher(name: str, batch: Batch) -> Callable[[Tensor, Tensor], None]:
    def factors(divisors: Sequence[int]) -> Tensor:
        ranks = [max(sum(divisors), 1) / (WORLD_SIZE * max(divisor, 1)) for divisor in divisors]
        return torch.tensor(ranks).double().repeat_interleave(torch.tensor([batch.first, ROIS - batch.first]))[:, None]

    of_rois = factors((batch.first, ROIS - batch.first))
    of_logits = factors(batch.foreground) if name == "focal" else of_rois

    def weigh(logits: Tensor, deltas: Tensor) -> None:
        logits.register_hook(lambda gradient: gradient * of_logits)
        deltas.register_hook(lambda gradient: gradient * of_rois)

    return weigh


def on_two_ranks(work: Callable[[int], Mapping[str, Any]], folder: Path, seconds: float = 120) -> list[Any]:
    """What `work` returns on either of two ranks, which form a gloo group. Raises AssertionError when one hangs."""
    ranks = [_context.Process(target=_rank, args=(work, rank, str(folder)), daemon=True) for rank in range(WORLD_SIZE)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(seconds)
    codes = [process.exitcode for process in ranks]
    for process in ranks:
        process.kill()
    assert codes == [0, 0], f"exit codes {codes}; None is of a rank that waits for ever"
    return [torch.load(folder / f"rank{rank}.pth", weights_only=True) for rank in range(WORLD_SIZE)]


def _rank(work: Callable[[int], Mapping[str, Any]], rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    prepare()
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=WORLD_SIZE)
    found = work(rank)
    torch.save(found, Path(folder) / f"rank{rank}.pth")
    dist.destroy_process_group()


def prepare() -> None:
    register_all_modules()
    MMLogger.get_instance("mmengine").setLevel(logging.ERROR)  # the heads report every initialised weight

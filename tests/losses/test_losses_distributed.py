"""Two ranks with half a batch each, against one process with the whole batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from loss_cases import make_batch, make_stats, value_and_gradient
from lt_bench.losses.acsl import ACSL
from lt_bench.losses.bags import BAGS
from lt_bench.losses.droploss import DropLoss
from lt_bench.losses.efl import EFL
from lt_bench.losses.eqlv2 import EQLv2
from lt_bench.losses.federated import Federated
from lt_bench.losses.gol import GOL
from lt_bench.losses.loce import LOCE
from lt_bench.losses.seesaw import Seesaw
from torch import Tensor
from torch.multiprocessing.spawn import spawn

from lt_bench.api.loss import LongTailLoss
from lt_bench.api.seeded_draws import SeededDraws

State = dict[str, dict[str, Tensor]]
WORLD_SIZE = 2
DRAWING = ("acsl", "bags", "droploss", "gol")
SPLITS = (5, 9, 0)  # RoIs of rank 0 in each call, of 9: the last two leave one rank without any

pytestmark = pytest.mark.slow  # two further processes


def make_losses() -> dict[str, LongTailLoss]:
    torch.manual_seed(0)
    return {
        "eqlv2": EQLv2(make_stats()),
        "seesaw": Seesaw(make_stats()),
        "seesaw_official": Seesaw(make_stats(), reduce_counts=False),
        "federated": Federated(make_stats(range(1, 41)), num_sample_cats=10),
        "efl": EFL(make_stats()),
        "efl_rois": EFL(make_stats(), normalize_by="rois"),
        "loce": LOCE(make_stats()),
        "acsl": ACSL(make_stats()),
        "bags": BAGS(make_stats()),
        "droploss": DropLoss(make_stats()),
        "gol": GOL(make_stats()),
    }


def train(losses: dict[str, LongTailLoss], rank: int | None) -> State:
    """Three calls of each loss on this rank's part of the batch, or on all of it. Returns the states."""
    for loss in losses.values():
        for call, split in enumerate(SPLITS):
            logits, labels = make_batch(loss, seed=call)
            part = {None: slice(None), 0: slice(split), 1: slice(split, None)}[rank]
            value_and_gradient(loss, logits[part], labels[part])
    return {name: loss.state_dict() for name, loss in losses.items()}


def worker(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=WORLD_SIZE)
    losses = make_losses()
    states: State = train(losses, rank)
    federated = losses["federated"]
    assert isinstance(federated, Federated)
    states["draws"] = {"subset": federated._subset(torch.tensor([40]))}
    for name in DRAWING:
        loss = losses[name]
        assert isinstance(loss, SeededDraws)
        drawn = loss.draw_sample(torch.tensor([0] + [5] * 200))
        states["draws"][name] = torch.stack(drawn) if isinstance(drawn, tuple) else drawn
    torch.save(states, Path(folder) / f"rank{rank}.pth")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[State]:
    folder = tmp_path_factory.mktemp("ranks")
    spawn(worker, args=(str(folder),), nprocs=WORLD_SIZE)  # type: ignore[no-untyped-call]
    return [torch.load(folder / f"rank{rank}.pth", weights_only=True) for rank in range(WORLD_SIZE)]


@pytest.fixture(scope="module")
def whole() -> State:
    return train(make_losses(), None)


@pytest.mark.parametrize("name", ["eqlv2", "seesaw", "efl", "efl_rois", "loce"])
def test_state_is_that_of_one_process_with_the_whole_batch(name: str, ranks: list[State], whole: State) -> None:
    for state in ranks:
        for key, expected in whole[name].items():
            assert expected.abs().sum() > 0
            torch.testing.assert_close(state[name][key], expected, rtol=1e-12, atol=0)
    assert all(torch.equal(ranks[0][name][key], ranks[1][name][key]) for key in whole[name])


def test_official_seesaw_counts_each_rank_alone(ranks: list[State], whole: State) -> None:
    counts = [state["seesaw_official"]["cum_samples"] for state in ranks]
    assert not torch.equal(counts[0], counts[1])
    assert torch.equal(counts[0] + counts[1], whole["seesaw"]["cum_samples"])


def test_federated_ranks_share_the_state_but_draw_differently(ranks: list[State]) -> None:
    assert torch.equal(ranks[0]["federated"]["seed"], ranks[1]["federated"]["seed"])
    assert torch.equal(ranks[0]["federated"]["draw"], ranks[1]["federated"]["draw"])
    assert not torch.equal(ranks[0]["draws"]["subset"], ranks[1]["draws"]["subset"])


@pytest.mark.parametrize("name", DRAWING)
def test_ranks_that_draw_rois_share_the_state_but_draw_differently(name: str, ranks: list[State]) -> None:
    for key in ("seed", "draw"):
        assert torch.equal(ranks[0][name][key], ranks[1][name][key])
    assert ranks[0][name]["draw"] > 0
    assert not torch.equal(ranks[0]["draws"][name], ranks[1]["draws"][name])

"""Two ranks that share the RoIs of a step, against one process that has all of them, for each loss."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from rank_cases import LOSSES, PARTS, State, on_two_ranks, prepare, train

pytestmark = pytest.mark.slow  # two further processes
CASES = [(name, parts) for name in LOSSES for parts in PARTS]
# Whose ranks share no more than the gradient: their classes differ, or their counts.
APART = ("federated, few", "seesaw, official")
SHARED = [(name, parts) for name, parts in CASES if name not in APART]


def every_case(rank: int) -> dict[str, State]:
    return {f"{name}, {parts}": train(name, parts, rank) for name, parts in CASES}


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, State]]:
    prepare()
    return on_two_ranks(every_case, tmp_path_factory.mktemp("ranks"))


def assert_close(state: State, expected: State) -> None:
    """Within what mmdet adds to the number of RoIs (float32's epsilon) before the boxes' loss is divided by it."""
    assert state.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(state[key], value, rtol=1e-7, atol=1e-8, msg=partial("{}: {}".format, key))


@pytest.mark.parametrize(("name", "parts"), CASES)
def test_ranks_have_the_same_weights(ranks: list[dict[str, State]], name: str, parts: str) -> None:
    states = [rank[f"{name}, {parts}"] for rank in ranks]
    differing = {key for key, value in states[0].items() if not torch.equal(value, states[1][key])}
    assert differing == ({"head.loss_cls.loss.cum_samples"} if name == "seesaw, official" else set())


@pytest.mark.parametrize(("name", "parts"), SHARED)
def test_weights_and_state_are_those_of_the_mean_over_ranks(
    ranks: list[dict[str, State]], name: str, parts: str
) -> None:
    """Also where a rank has no RoI or no object: it has its part in the mean all the same."""
    assert_close(ranks[0][f"{name}, {parts}"], train(name, parts, None, weigh=True))


@pytest.mark.parametrize("name", [name for name in LOSSES if name not in APART])
def test_equal_shares_give_what_one_process_gives(ranks: list[dict[str, State]], name: str) -> None:
    alone = {parts: train(name, parts, None) for parts in PARTS}
    assert_close(ranks[0][f"{name}, the same objects"], alone["the same objects"])
    if name != "focal":  # which divides by the number of objects
        assert_close(ranks[0][f"{name}, other objects"], alone["other objects"])
        assert_close(ranks[0][f"{name}, no object"], alone["no object"])


@pytest.mark.parametrize(
    ("name", "parts"),
    [("focal", "other objects"), *((name, "the same objects") for name in APART), ("ce", "other RoIs")],
)
def test_what_differs_from_one_process(ranks: list[dict[str, State]], name: str, parts: str) -> None:
    """As docs/hosts.md says."""
    found, alone = (state["head.fc_cls.weight"] for state in (ranks[0][f"{name}, {parts}"], train(name, parts, None)))
    assert (found - alone).abs().max() > 1e-3 * alone.abs().max()

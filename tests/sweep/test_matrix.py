"""The combinations of a sweep."""

from __future__ import annotations

import itertools

import pytest

from lt_bench.api.registry import list_losses
from lt_bench.errors import UserError
from lt_bench.sweep.matrix import cells, loss_names, names, parse_grid


def test_all_combinations_each_once_seeds_slowest() -> None:
    grid = parse_grid(["seesaw:p=0.6,0.8", "seesaw:q=1,2"])
    found = cells(["ce", "seesaw"], ["r50", "r101"], ["1x"], ["mask_rcnn"], ["common"], [0, 7], grid)
    assert len(found) == 2 * 2 * (1 + 2 * 2) == len({cell.label() for cell in found})
    assert [cell.seed for cell in found] == [0] * 10 + [7] * 10
    of_seesaw = [
        cell.hyper_parameters for cell in found if (cell.loss, cell.backbone, cell.seed) == ("seesaw", "r50", 0)
    ]
    assert of_seesaw == [{"p": p, "q": q} for p, q in itertools.product((0.6, 0.8), (1, 2))]


def test_values_of_a_grid_are_literals_with_commas_in_brackets() -> None:
    assert parse_grid(["a:k=[1,2],(3,4),none,x"]) == {"a": [{"k": [1, 2]}, {"k": (3, 4)}, {"k": None}, {"k": "x"}]}


@pytest.mark.parametrize("option", ["seesaw", "seesaw:p", ":p=1", "seesaw:=1", "seesaw:p=1,1"])
def test_a_wrong_grid_is_named(option: str) -> None:
    with pytest.raises(UserError, match="--loss-grid"):
        parse_grid([option])


def test_a_grid_of_a_loss_that_is_not_run_is_refused() -> None:
    with pytest.raises(UserError, match="'focal'"):
        cells(["ce"], ["r50"], ["1x"], ["mask_rcnn"], ["common"], [0], parse_grid(["focal:gamma=1"]))


@pytest.mark.parametrize("text", ["ce,", ",ce", "", "ce,ecm,ce"])
def test_a_wrong_list_is_named(text: str) -> None:
    with pytest.raises(UserError, match="--loss"):
        names(text, "--loss")


def test_all_losses_are_those_that_can_be_used() -> None:
    assert set(loss_names("all")) == {info.name for info in list_losses() if info.problem is None}
    assert {"ce", "ecm", "seesaw"} <= set(loss_names("all"))

"""What a loss may return, and how anything else is named."""

from __future__ import annotations

import pytest
import torch

from lt_bench.api.terms import terms_of
from lt_bench.errors import UserError


def test_scalars_are_taken_as_they_are() -> None:
    one, other = torch.ones(()), torch.zeros(())
    assert terms_of(one, "mine") == {"loss_cls": one}
    assert terms_of({"a": one, "b": other}, "mine") == {"a": one, "b": other}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (torch.ones(7), r"'mine' returned a tensor of shape \[7\], expected a scalar"),
        (torch.ones(1), r"shape \[1\]"),
        (torch.ones(0), r"shape \[0\]"),
        ({"a": torch.ones(()), "b": torch.ones(7)}, r"'mine' returned\['b'\] a tensor of shape \[7\]"),
        (0.5, "returned float, expected a scalar tensor"),
        ({"a": 0.5}, r"returned\['a'\] float"),
        ((torch.ones(()), torch.ones(())), "returned tuple"),
        (None, "returned NoneType"),
        ({}, "an empty dict"),
    ],
)
def test_everything_else_is_named(value: object, said: str) -> None:
    with pytest.raises(UserError, match=said):
        terms_of(value, "mine")

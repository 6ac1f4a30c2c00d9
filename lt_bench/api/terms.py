"""What a loss may return: a scalar, or a dict of scalars."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from lt_bench.errors import UserError


def terms_of(value: Any, loss: str) -> dict[str, Tensor]:
    """The terms of what a loss returned, "loss_cls" where it is a single one.

    Raises UserError for anything but scalar tensors: mmdet would average a value per RoI without a word, which is NaN
    for a batch without RoIs, and fail on the rest.
    """
    terms = value if isinstance(value, dict) else {"loss_cls": value}
    if not terms:
        raise UserError(f"the loss {loss!r} returned an empty dict", "return a scalar tensor, or a dict of them")
    for name, term in terms.items():
        what = "" if term is value else f"[{name!r}]"
        if not isinstance(term, Tensor):
            raise UserError(
                f"the loss {loss!r} returned{what} {type(term).__name__}, expected a scalar tensor",
                "float() and .item() cut the gradient: return the tensor itself",
            )
        if term.ndim:
            raise UserError(
                f"the loss {loss!r} returned{what} a tensor of shape {list(term.shape)}, expected a scalar",
                "a loss averages by itself, also a batch without RoIs: losses.sum() / max(1, len(labels))",
            )
    return terms

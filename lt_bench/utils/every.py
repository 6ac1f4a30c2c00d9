"""The mistakes in several inputs, said at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from lt_bench.errors import UserError

Given = TypeVar("Given")
Made = TypeVar("Made")


def of_every(make: Callable[[Given], Made], inputs: Iterable[Given]) -> list[Made]:
    """`make` of each input. Raises UserError with what each of them raised, not of the first alone."""
    made, errors = [], []
    for each in inputs:
        try:
            made.append(make(each))
        except UserError as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        remedies = dict.fromkeys(error.remedy for error in errors if error.remedy)
        raise UserError("\n".join(error.message for error in errors), "\n".join(remedies)) from errors[0]
    return made

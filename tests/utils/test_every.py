"""The mistakes in several inputs."""

from __future__ import annotations

import pytest

from lt_bench.errors import UserError
from lt_bench.utils.every import of_every


def half(number: int) -> int:
    if number % 2:
        raise UserError(f"{number} is odd", f"halve {number + 1}" if number > 1 else "")
    return number // 2


def test_what_is_made_comes_in_order() -> None:
    assert of_every(half, [6, 2, 4]) == [3, 1, 2]


def test_the_only_mistake_stays_what_it_is() -> None:
    with pytest.raises(UserError) as caught:
        of_every(half, [2, 3, 4])
    assert (caught.value.message, caught.value.remedy) == ("3 is odd", "halve 4")


def test_all_mistakes_are_said_and_each_remedy_once() -> None:
    with pytest.raises(UserError) as caught:
        of_every(half, [3, 1, 2, 3])
    assert (caught.value.message, caught.value.remedy) == ("3 is odd\n1 is odd\n3 is odd", "halve 4")


def test_other_errors_are_no_mistakes_of_a_user() -> None:
    with pytest.raises(ZeroDivisionError):
        of_every(lambda number: 1 // number, [1, 0])

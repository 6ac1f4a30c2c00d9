from __future__ import annotations

import pytest

from lt_bench.errors import UserError, did_you_mean


@pytest.mark.parametrize(
    ("name", "known", "remedy"),
    [
        ("emc", ["focal", "ecm", "ce"], "did you mean 'ecm'? known: ce, ecm, focal"),
        ("zzz", ["focal", "ecm", "ce"], "known: ce, ecm, focal"),
        ("emc", [], "known: none"),
    ],
)
def test_an_unknown_name_gets_the_closest_and_all(name: str, known: list[str], remedy: str) -> None:
    assert did_you_mean(name, known) == remedy


def test_a_mistake_without_a_remedy_is_one_line() -> None:
    assert str(UserError("the thing is odd")) == "the thing is odd"
    assert str(UserError("the thing is odd", "make it even")) == "the thing is odd\nmake it even"

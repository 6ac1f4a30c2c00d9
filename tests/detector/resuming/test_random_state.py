"""Random states: what was read goes on the same way, also through a checkpoint's file."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch

from lt_bench.detector.resuming.random_state import random_state, seeded, set_random_state


def numbers() -> list[float]:
    """From each generator, with the second half of a pair of normal numbers still to come."""
    return [
        random.random(),
        random.gauss(0, 1),
        float(np.random.rand()),
        float(np.random.randn()),
        float(torch.rand(())),
    ]


def test_a_state_goes_on_after_a_file(tmp_path: Path) -> None:
    numbers()
    state = random_state()
    expected = [numbers(), numbers()]
    torch.save(state, tmp_path / "state.pth")
    with seeded(9):
        numbers()
    set_random_state(torch.load(tmp_path / "state.pth", weights_only=True))
    assert [numbers(), numbers()] == expected


def test_what_is_seeded_alike_is_alike_and_nothing_else() -> None:
    drawn = []
    for numbers_given in ((1, 0, 7), (1, 0, 7), (1, 7, 0)):
        with seeded(*numbers_given):
            drawn.append(numbers())
    assert drawn[0] == drawn[1]
    assert not set(drawn[0]) & set(drawn[2])

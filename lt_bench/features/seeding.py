"""Randomness that depends on what is computed, and not on what was computed before."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

AUGMENTATION, SAMPLING = 0, 1  # the last number of a seed: what it is for


@contextmanager
def seeded(*numbers: int) -> Iterator[None]:
    """Within it, Python's, numpy's and torch's (CPU) generators start from `numbers`; then they go on as before."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    drawn = np.random.SeedSequence(numbers).generate_state(3, dtype=np.uint64)
    random.seed(int(drawn[0]))
    np.random.seed(int(drawn[1]) % 2**32)
    torch.default_generator.manual_seed(int(drawn[2]) % 2**63)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])

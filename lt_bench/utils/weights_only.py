"""Checkpoints are data: nothing in one is executed, whoever made it.

A pickle can call any function. torch.load(weights_only=True) builds tensors and plain values alone, but mmengine falls
back to an unrestricted load where that refuses a file. torch's TORCH_FORCE_WEIGHTS_ONLY_LOAD holds for each load,
whatever its caller asks for (https://docs.pytorch.org/docs/stable/notes/serialization.html).
"""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Iterator
from contextlib import contextmanager

# What torch.load raises for a file that is damaged, or no checkpoint: its unpickler trusts that a file is whole.
UNREADABLE: tuple[type[Exception], ...] = (
    *(pickle.UnpicklingError, struct.error, EOFError, OSError, RuntimeError, LookupError),
    *(AttributeError, TypeError, ValueError, ArithmeticError, AssertionError),
)
_FORCE, _FORCE_NOT = "TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"


@contextmanager
def weights_only() -> Iterator[None]:
    """Within it, torch.load raises pickle.UnpicklingError for a file that holds anything else than data.

    TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1, torch's own way to trust each file, is without effect.
    """
    before = {name: os.environ.pop(name, None) for name in (_FORCE, _FORCE_NOT)}
    os.environ[_FORCE] = "1"
    try:
        yield
    finally:
        del os.environ[_FORCE]
        os.environ.update({name: value for name, value in before.items() if value is not None})

"""What is tried again."""

from __future__ import annotations

import pytest

from lt_bench.sweep.causes import MENDED_BY_RETRY, kind_of


@pytest.mark.parametrize(
    ("code", "said", "kind"),
    [
        (2, "CUDA out of memory", "mistake"),  # a run that was refused says what it likes
        (-9, "", "killed"),
        (137, "", "killed"),
        (-15, "", "killed"),
        (-10, "", "killed"),  # SLURM's warning, before the run listens to it
        (1, "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", "memory"),
        (1, "RuntimeError: DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes", "memory"),
        (1, "training on 2 devices failed (exit code -9)", "killed"),
        (1, "RuntimeError: NCCL error: unhandled system error", "machine"),
        (1, "Connection reset by peer", "machine"),
        (1, "loss_cls is not finite: nan", "error"),
        (1, "FloatingPointError: out of memory is not what this is", "error"),
        (1, "KeyError: 'x'", "error"),
        (-11, "", "error"),  # a segmentation fault comes again
        (1, "OSError: [Errno 28] No space left on device", "error"),
    ],
)
def test_kinds(code: int, said: str, kind: str) -> None:
    assert kind_of(code, said) == kind
    assert (kind in MENDED_BY_RETRY) == (kind not in ("mistake", "error"))

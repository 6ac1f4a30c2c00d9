"""What two ranks end with is compared, name by name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from lt_bench.selftest import ranks
from lt_bench.selftest.result import CheckContext
from lt_bench.testing.result import Wrong

STATE = {"weight": torch.ones(2), "counts": torch.tensor([3, 4])}


def two_ranks(folder: Path, other: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch) -> str:
    """What the check says of ranks that end with STATE and with `other`."""

    def run(context: CheckContext, *arguments: str, environment: dict[str, str]) -> str:
        assert {"--gpus", "2", "seesaw"} <= set(arguments)
        for rank, state in enumerate((STATE, other)):
            torch.save(state, context.folder / f"rank{rank}.pth")
        return ""

    monkeypatch.setattr(ranks, "lt_bench", run)
    return ranks.two_ranks(CheckContext(torch.device("cpu"), folder)).detail


def test_ranks_that_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert two_ranks(tmp_path, STATE, monkeypatch) == "gloo, on the CPU: 2 tensors are equal after 2 iterations"


def test_ranks_that_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Wrong, match="1 of 2 tensors differ between the ranks, counts among them"):
        two_ranks(tmp_path, {**STATE, "counts": torch.tensor([3, 3])}, monkeypatch)
    with pytest.raises(Wrong, match="different models"):
        two_ranks(tmp_path, {"weight": torch.ones(2)}, monkeypatch)

"""A checkpoint that would execute something is refused by all that read checkpoints, and executes nothing."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hostile import Hostile
from mmengine.runner import CheckpointLoader

from lt_bench.errors import UserError
from lt_bench.features.model import read_weights
from lt_bench.run import pretrained
from lt_bench.utils.weights_only import weights_only


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    weights = {"fc.weight": torch.zeros(2), "meta": Hostile(tmp_path / "executed")}
    torch.save({"state_dict": weights}, tmp_path / "hostile.pth")
    return tmp_path / "hostile.pth"


def test_without_it_mmengine_executes_what_it_was_given(hostile: Path) -> None:
    CheckpointLoader.load_checkpoint(str(hostile), "cpu")
    assert (hostile.parent / "executed").is_dir()


@pytest.mark.parametrize("trusting", [None, "1"])
def test_nothing_is_executed_within(hostile: Path, trusting: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if trusting is not None:
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", trusting)
    before = dict(os.environ)
    with weights_only(), pytest.raises(pickle.UnpicklingError):
        CheckpointLoader.load_checkpoint(str(hostile), "cpu")
    assert not (hostile.parent / "executed").exists()
    assert dict(os.environ) == before


def test_weights_are_read_within(tmp_path: Path) -> None:
    torch.save({"state_dict": {"a": torch.arange(3)}, "meta": {"epoch": 3}}, tmp_path / "w.pth")
    with weights_only():
        content = CheckpointLoader.load_checkpoint(str(tmp_path / "w.pth"), "cpu")
    assert content["state_dict"]["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("content", [b"t", b"tPK\x03\x04", b"s", b"q\x00", b"PK\x03\x04", b"\x80\x02", b""])
def test_a_file_that_is_no_checkpoint_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    """torch's unpickler fails on such with an IndexError, among others."""
    (tmp_path / "odd.pth").write_bytes(content)
    with pytest.raises(UserError, match=r"odd\.pth can't be loaded"):
        read_weights(tmp_path / "odd.pth")


def test_features_and_starting_weights_refuse_it(hostile: Path) -> None:
    with pytest.raises(UserError, match=r"hostile\.pth can't be loaded"):
        read_weights(hostile)
    config: Any = SimpleNamespace(custom_imports={"imports": []})
    with pytest.raises(UserError, match=r"hostile\.pth can't be loaded"):
        pretrained._tensors(config, str(hostile))
    assert not (hostile.parent / "executed").exists()

"""What `run` leaves verifies, as it lies and as it is stored."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from run_fixtures import run

from lt_bench.leaderboard import add
from lt_bench.leaderboard.store import read
from lt_bench.leaderboard.submission import submit
from lt_bench.leaderboard.verify import is_verified, verify
from lt_bench.utils.files import sha256_of


@pytest.mark.slow
def test_a_run_verifies_in_its_folder_and_in_a_store(small: Path, tmp_path: Path) -> None:
    found = verify(small / "work" / "result.json")
    assert (found.status, found.problems, found.unchecked) == ("verified", (), ())
    stored = submit(small / "work", tmp_path / "results")
    found = verify(stored)
    assert (found.status, found.problems) == ("verified", ())
    assert is_verified(stored)
    published = add(small / "work" / "result.json", tmp_path / "published")  # as a run does itself
    assert is_verified(published)
    assert verify(published).status == "verified"


@pytest.mark.slow
def test_a_run_from_another_detector_says_so_and_verifies(small: Path, tmp_path: Path) -> None:
    """Logged to another backend and trained on a part of the images, resumed or not, and where the weights are gone."""
    detector = tmp_path / "other.pth"
    shutil.copy(small / "work" / "iter_2.pth", detector)
    visualizer = {"type": "DetLocalVisualizer", "vis_backends": [{"type": "LocalVisBackend"}]}
    settings = (f"load_from={detector}", "+train_dataloader.dataset.dataset.indices=16", f"+visualizer={visualizer}")
    options = ("--max-iters", "1", *(word for setting in settings for word in ("--set", setting)))
    run(tmp_path, "focal", *options, "--work-dir", "work")
    record = read(tmp_path / "work" / "result.json")
    digest = sha256_of(detector)[:8]
    head, tail = f"random weights, seed 0; load_from: other.pth (sha256 {digest}), ", " tensors"
    taken, total = map(int, record.init.description.removeprefix(head).removesuffix(tail).split(" of "))
    given, own = (
        torch.load(path, weights_only=False)["state_dict"] for path in (detector, tmp_path / "work" / "iter_1.pth")
    )
    assert taken == sum(name in given and given[name].shape == value.shape for name, value in own.items())
    assert 0 < taken < total == len(own)  # the classifier has other channels
    assert (record.init.kind, record.data.train_images) == ("pretrained", 16)
    assert f"load_from='{digest}'" in record.overrides
    assert any("8 of 120 validation images predicted" in note for note in record.notes)
    assert verify(tmp_path / "work" / "result.json").problems == ()
    stored = submit(tmp_path / "work", tmp_path / "results")
    detector.unlink()
    assert (verify(stored).status, verify(stored).problems) == ("verified", ())

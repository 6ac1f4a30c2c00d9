"""A disk that is full: what was there stays as it was, nothing half-written is left, and with room it goes on."""

from __future__ import annotations

import errno
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from full_disk import content_of, fill, small_disk
from mmengine.fileio import get_file_backend

from lt_bench.detector.prediction_writer import PredictionWriter
from lt_bench.leaderboard import write
from lt_bench.leaderboard.page import regenerate
from lt_bench.leaderboard.store import add
from lt_bench.utils.checkpoint_files import write_checkpoint

Step = Callable[[int], None]


def checkpoints(folder: Path, make_record: Any) -> Step:
    """As mmengine's runner writes them."""

    def save(path: Path) -> None:
        with io.BytesIO() as stream:
            torch.save({"state_dict": {"w": torch.rand(30_000)}}, stream)
            get_file_backend(str(path)).put(stream.getvalue(), str(path))

    return lambda number: write_checkpoint(folder, f"iter_{number}.pth", number, save, keep=2)


def predictions(folder: Path, make_record: Any) -> Step:
    def step(number: int) -> None:
        writer = PredictionWriter(str(folder))
        writer.dataset_meta = {"category_ids": [1]}
        boxes = torch.from_numpy(np.random.default_rng(number).uniform(1, 9, (400, 4)))
        instances = {"bboxes": boxes, "scores": boxes[:, 0] / 10, "labels": torch.zeros(400, dtype=torch.int64)}
        for image in range(5):
            writer.process(None, [{"img_id": image, "pred_instances": instances}])
        writer.evaluate(5)

    return step


def records_and_pages(folder: Path, make_record: Any) -> Step:
    def step(number: int) -> None:
        made = folder.parent / "made.json"  # on another disk
        write(make_record(seed=number, notes=[f"{number} {place}" * 90 for place in range(90)]), made)
        add(made, folder / "results")
        regenerate(folder)

    return step


@pytest.mark.parametrize("make", [checkpoints, predictions, records_and_pages])
def test_a_full_disk_loses_nothing(make: Callable[[Path, Any], Step], tmp_path: Path, make_record: Any) -> None:
    with small_disk(tmp_path / "disk") as folder:
        step = make(folder, make_record)
        step(1)
        before = content_of(folder)
        filler = fill(folder)
        with pytest.raises(OSError) as caught:
            step(2)
        assert caught.value.errno == errno.ENOSPC
        after = content_of(folder)
        assert {path: after[path] for path in before} == before
        assert not [path for path in after if path.name.endswith(".part")]
        filler.unlink()
        step(2)
        assert content_of(folder) != before

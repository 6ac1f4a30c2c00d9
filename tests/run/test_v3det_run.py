"""A detector with 13,204 classes is trained, evaluated, verified and tabled."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import forked, small_model
from v3det_form import CLASSES, write_v3det

from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.store import read

TINY = (
    *("--max-iters", "2", "--init", "random", "--set", "train_dataloader.dataset.dataset.pipeline.2.scales=[(64, 64)]"),
    *("--set", "train_dataloader.batch_size=2", "--set", "train_dataloader.num_workers=0"),
    *("--set", "train_dataloader.persistent_workers=False", "--set", "test_dataloader.persistent_workers=False"),
    *("--set", "test_dataloader.num_workers=0", "--set", "test_dataloader.dataset.pipeline.1.scale=(64, 64)"),
    # Of an untrained network all candidates score the same, which mmdet goes through class by class.
    *("--set", "model.test_cfg.rpn.max_per_img=10", "--set", "+model.test_cfg.rcnn.nms.split_thr=1000000"),
    *("--set", "optim_wrapper.optimizer.lr=1e-6"),
)


@pytest.mark.extra
@pytest.mark.slow
def test_v3det_is_trained_evaluated_verified_and_tabled(tmp_path: Path) -> None:
    write_v3det(tmp_path / "V3Det")
    environment = {"LT_BENCH_CACHE": str(tmp_path / "cache"), "LT_BENCH_DATA": str(tmp_path)}
    detector = ("--detector", "faster_rcnn", *small_model(masks=False))
    for words in (
        ("run", "--dataset", "v3det", "--loss", "ecm", *detector, *TINY, "--work-dir", "work", "--leaderboards", "new"),
        ("verify", "work"),
    ):
        done = forked(*words, cwd=tmp_path, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
    record: ResultRecord = read(tmp_path / "work" / "result.json")
    assert record.data.classes == CLASSES and record.kinds == ("bbox",)
    assert "reg_class_agnostic=True" in (tmp_path / "work" / "config.py").read_text(encoding="utf-8")
    page = (tmp_path / "new" / "v3det.md").read_text(encoding="utf-8")
    assert "the category tree" in page and "measured: boxes alone" in page

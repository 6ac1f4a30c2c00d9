"""Two ranks with an image each against one process with two: the same weights, predictions and numbers in the record.

Each image has equally many objects, and what is drawn at random elsewhere (anchors, RoIs) is taken whole, so that both
divide by the same numbers. Seven images are predicted, which two ranks can't share equally.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from coco_form import SIZE, Entry, coco_form, write_set
from command_line import forked, small_model
from run_fixtures import without_lvis

from lt_bench.evaluation.terms import KINDS
from lt_bench.leaderboard import read
from lt_bench.run.folder import RunFolder

pytestmark = [pytest.mark.slow, pytest.mark.extra]
TRAIN, VAL = range(1, 9), range(21, 28)
NAMES = {1: "disc", 2: "kite", 5: "comb"}
STEPS = 3
ALL = 10**6  # more than there are: nothing is drawn
ALONE = """
import sys
from pathlib import Path
from lt_bench.run.train import predict
predict(*map(Path, sys.argv[1:]))
"""
SETTINGS = (
    "train_dataloader.batch_size=2",
    f"train_dataloader.dataset.dataset.pipeline.2.scales=[({SIZE}, {SIZE})]",
    f"test_dataloader.dataset.pipeline.1.scale=({SIZE}, {SIZE})",
    *(f"{part}_dataloader.num_workers=0" for part in ("train", "test")),
    *(f"{part}_dataloader.persistent_workers=False" for part in ("train", "test")),
    "param_scheduler.0.start_factor=1.0",
    "model.backbone.norm_eval=True",  # on a CPU each rank has BatchNorm of its own
    f"model.train_cfg.rpn.sampler.num={ALL}",
    "model.train_cfg.rpn.assigner.neg_iou_thr=0.7",  # each anchor is of an object or of none
    "model.train_cfg.rpn_proposal.max_per_img=20",
    f"model.train_cfg.rcnn.sampler.num={ALL}",
    *(f"model.train_cfg.rcnn.assigner.{name}=1.1" for name in ("pos_iou_thr", "neg_iou_thr", "min_pos_iou")),
    "model.test_cfg.rpn.max_per_img=50",
)


def with_three_objects(images: range) -> Entry:
    """Of an anchor's size, so that some boxes of a model that has hardly learned are right."""
    rng = np.random.default_rng(images[0])
    content = coco_form(images, [(image, int(rng.choice(list(NAMES)))) for image in images for _ in range(3)], NAMES)
    for annotation in content["annotations"]:
        width, height = 44, 22
        x, y = int(rng.integers(1, SIZE - width)), int(rng.integers(1, SIZE - height))
        corners = [x, y, x + width, y, x + width, y + height, x, y + height]
        annotation.update(bbox=[x, y, width, height], area=float(width * height), segmentation=[corners])
    return content


def run(cwd: Path, work_dir: str, *arguments: str) -> RunFolder:
    annotations = "coco/annotations/instances_{}2017.json".format
    files = ("--train-annotations", annotations("train"), "--val-annotations", annotations("val"), "--images", "coco")
    model = (*small_model(), *(word for setting in SETTINGS for word in ("--set", setting)))
    done = forked(
        *("run", "--loss", "seesaw", *files, "--dataset-name", "alike", "--init", "random", *model),
        *("--max-iters", str(STEPS), "--work-dir", work_dir, *arguments),
        cwd=cwd,
        env={**without_lvis(cwd), "LT_BENCH_CACHE": str(cwd / "cache")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return RunFolder(cwd / work_dir)


@pytest.fixture(scope="module")
def cwd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alike")
    write_set(folder / "coco", {"train": with_three_objects(TRAIN), "val": with_three_objects(VAL)})
    return folder


@pytest.fixture(scope="module")
def shared(cwd: Path) -> RunFolder:
    """What two ranks left."""
    return run(cwd, "two", "--gpus", "2")


def rows(folder: RunFolder) -> dict[tuple[int, int], list[Any]]:
    """The detections of each image and class, by falling score."""
    found = defaultdict(list)
    for row in sorted(json.loads(folder.predictions.read_text(encoding="utf-8")), key=lambda row: -float(row["score"])):
        found[row["image_id"], row["category_id"]].append(row)
    assert {image for image, _ in found} == set(VAL)
    return found


def state(folder: RunFolder) -> dict[str, torch.Tensor]:
    content = torch.load(folder.path / f"iter_{STEPS}.pth", map_location="cpu", weights_only=False)
    return {name: value.double() for name, value in content["state_dict"].items()}


def test_each_image_is_predicted_once_and_as_by_one_process(cwd: Path, shared: RunFolder) -> None:
    """To the last bit, by a process with as many threads as a rank has."""
    checkpoint = shared.path / f"iter_{STEPS}.pth"
    subprocess.run(
        (sys.executable, "-c", ALONE, str(shared.config), str(checkpoint), str(cwd / "alone")),
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=True,
    )
    assert rows(shared) == rows(RunFolder(cwd / "alone"))


def test_training_and_evaluation_are_those_of_one_process(cwd: Path, shared: RunFolder) -> None:
    one = run(cwd, "one")
    expected, found = state(one), state(shared)
    assert expected.keys() == found.keys()
    for name, value in expected.items():  # biases begin at 0, so of them a wrong divisor is seen
        assert (found[name] - value).norm() <= 1e-3 * value.norm(), name

    ours, theirs = rows(shared), rows(one)
    alike = [any(is_alike(row, other) for other in ours[key]) for key, found in theirs.items() for row in found]
    assert len(alike) > 100 and np.mean(alike) > 0.98
    assert abs(sum(map(len, ours.values())) - len(alike)) <= 0.02 * len(alike)

    records = [read(folder.result) for folder in (one, shared)]
    assert [record.device.count for record in records] == [1, 2]
    assert records[0].fingerprint == records[1].fingerprint and records[0].iterations == records[1].iterations
    for kind in KINDS:
        numbers, others = (record.metrics.of(kind).model_dump() for record in records)
        assert numbers == pytest.approx(others, abs=1e-4), kind
    assert records[0].metrics.of("bbox").AP > 1e-3


def is_alike(row: Any, other: Any) -> Any:
    """Within rounding, of boxes in pixels."""
    return np.allclose(row["bbox"], other["bbox"], atol=1e-2) and np.isclose(row["score"], other["score"], rtol=1e-3)

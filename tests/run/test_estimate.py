"""Estimates of memory and disk, against what mmdet's own runs took and against the files of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from experiments import resolved
from mmengine.config import Config
from pycocotools import mask as mask_api

from lt_bench.evaluation.inputs.predictions import write_predictions
from lt_bench.run import estimate
from lt_bench.run.batch_split import fit_to_devices

MODELS = {"mask_rcnn": "mask-rcnn", "cascade_mask_rcnn": "cascade-mask-rcnn", "faster_rcnn": "faster-rcnn"}
BACKBONES = {"r50": "r50", "r101": "r101", "x101_32x4d": "x101-32x4d", "x101_64x4d": "x101-64x4d"}


def published(detector: str, backbone: str) -> float:
    """GiB that mmdet's run on COCO took on each of 8 GPUs, 2 images on one, as its metafile says."""
    import mmdet

    family = detector.replace("cascade_mask", "cascade")
    file = Path(mmdet.__file__).parent / ".mim" / "configs" / family / "metafile.yml"
    models = yaml.safe_load(file.read_text(encoding="utf-8"))["Models"]
    name = f"{MODELS[detector]}_{BACKBONES[backbone]}_fpn_1x_coco"
    (found,) = (model["Metadata"]["Training Memory (GB)"] for model in models if model["Name"] == name)
    return float(found)


@pytest.mark.parametrize(
    ("detector", "backbone"),
    [("mask_rcnn", "r50"), ("mask_rcnn", "x101_64x4d"), ("cascade_mask_rcnn", "r101"), ("faster_rcnn", "r50")],
)
def test_official_runs_took_what_the_plan_says_they_did(tmp_path: Path, detector: str, backbone: str) -> None:
    cfg, _ = resolved(tmp_path, detector=detector, backbone=backbone)
    fit_to_devices(cfg, 8, cuda=True)
    found = estimate.memory(cfg, 8, (64, 64))
    assert 0.7 < published(detector, backbone) - found.total / 2**30 < 1.15


def test_activations_grow_with_the_images_and_the_rest_does_not(tmp_path: Path) -> None:
    found = []
    for images in (2, 4):
        cfg, _ = resolved(tmp_path, overrides={"images_per_device": images})
        fit_to_devices(cfg, 1, cuda=True)
        found.append(estimate.memory(cfg, 1, (64, 64)))
    assert found[1].activations == pytest.approx(2 * found[0].activations, rel=0.01)
    assert found[1].weights == found[0].weights and found[1].optimizer == found[0].optimizer


def test_the_files_of_a_run_are_as_large_as_it_was_said(small: Path) -> None:
    work = small / "work"
    found = estimate.disk(Config.fromfile(str(work / "config.py")), images=8)
    written = (work / "iter_2.pth").stat().st_size
    # and the description of each tensor, the log and random states, which count in so small a model
    assert found.checkpoint < written < found.checkpoint + 2**20
    assert found.kept == 3
    assert 0 < (work / "predictions.json").stat().st_size < found.predictions


@pytest.mark.parametrize("detector", ["mask_rcnn", "faster_rcnn"])
def test_predictions_of_lvis_are_about_as_large_as_it_was_said(tmp_path: Path, detector: str) -> None:
    """Of an image of 640 x 480 pixels whose objects, ellipses, are 70 pixels wide. The parts take as much again."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:480, :640]
    detections = []
    for centre, label in zip(rng.uniform(60, 400, (300, 2)), rng.integers(1, 1204, 300), strict=True):
        box, score = (rng.random(5).astype(np.float32) * 500).astype(float).tolist()[:4], float(rng.random())
        detection = {"image_id": 397133, "category_id": int(label), "bbox": box, "score": score}
        if detector == "mask_rcnn":
            inside = ((rows - centre[0]) / 50) ** 2 + ((columns - centre[1]) / 35) ** 2 < 1
            detection["segmentation"] = mask_api.encode(np.asfortranarray(inside.astype(np.uint8)))
        detections.append(detection)
    write_predictions(tmp_path / "predictions.json", detections)
    cfg, _ = resolved(tmp_path, detector=detector)
    assert cfg.model.test_cfg.rcnn.max_per_img == len(detections)
    found = estimate.disk(cfg, images=1).predictions
    assert 0.6 < 2 * (tmp_path / "predictions.json").stat().st_size / found < 1

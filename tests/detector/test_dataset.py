"""Our LVIS-format data set, against mmdet's and against the paper's formula."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from experiments import write_annotations
from mmdet.datasets import LVISV1Dataset
from mmengine.dataset import ClassBalancedDataset
from PIL import Image

from lt_bench.data import glyphs
from lt_bench.detector.dataset import LVISFormatDataset


@pytest.fixture(scope="module")
def glyph_root() -> Path:
    return glyphs.make("glyphs")


def test_equals_mmdets_lvis_data_set(glyph_root: Path) -> None:
    annotations = "annotations/lvis_v1_train.json"
    ours = LVISFormatDataset(ann_file=annotations, data_root=str(glyph_root), filter_cfg={"filter_empty_gt": True})
    stock = LVISV1Dataset(
        ann_file=annotations,
        data_root=str(glyph_root),
        data_prefix={"img": ""},
        filter_cfg={"filter_empty_gt": True, "min_size": 0},
    )
    assert len(ours) == len(stock) == 240
    for index in range(len(ours)):
        mine, other = ours.get_data_info(index), stock.get_data_info(index)
        assert Path(mine["img_path"]).samefile(other["img_path"])
        assert (mine["img_id"], mine["height"], mine["width"]) == (other["img_id"], other["height"], other["width"])
        assert mine["instances"] == other["instances"]


def test_equals_mmdets_on_photographs(shared: Path) -> None:
    root = shared / "reference" / "coco100"
    for split in ("train", "val"):
        annotations = f"annotations/lvis_v1_{split}.json"
        ours = LVISFormatDataset(ann_file=annotations, data_root=str(root))
        stock = LVISV1Dataset(ann_file=annotations, data_root=str(root), data_prefix={"img": ""}, filter_cfg=None)
        mine, other = (
            {data["img_id"]: data["instances"] for data in map(dataset.get_data_info, range(len(dataset)))}
            for dataset in (ours, stock)
        )
        assert mine == other
        assert len(ours.metainfo["classes"]) == 80


def test_repeat_factors_follow_the_formula(glyph_root: Path) -> None:
    """Gupta et al., CVPR 2019: r(i) = max over the classes c of image i of max(1, sqrt(t / f(c))); mmdet rounds up."""
    threshold = 0.2
    inner = LVISFormatDataset(
        ann_file="annotations/lvis_v1_train.json", data_root=str(glyph_root), filter_cfg={"filter_empty_gt": True}
    )
    dataset = ClassBalancedDataset(inner, oversample_thr=threshold)
    shown = [{entry["bbox_label"] for entry in inner.get_data_info(i)["instances"]} for i in range(len(inner))]
    images = {label: sum(label in labels for labels in shown) for labels in shown for label in labels}
    expected = [
        math.ceil(max(max(1.0, math.sqrt(threshold / (images[label] / len(inner)))) for label in labels))
        for labels in shown
    ]
    assert max(expected) > 1
    assert np.bincount(dataset.repeat_indices, minlength=len(inner)).tolist() == expected


def _with_images(folder: Path) -> Path:
    paths = write_annotations(folder / "annotations")
    for split, numbers in (("train", (1, 2)), ("val", (11, 12))):
        (folder / f"{split}2017").mkdir()
        for number in numbers:
            Image.new("RGB", (64, 64)).save(folder / f"{split}2017" / f"{number:012d}.jpg")
    return paths.train


def test_class_list_comes_from_the_file(tmp_path: Path) -> None:
    annotations = _with_images(tmp_path)
    dataset = LVISFormatDataset(ann_file=str(annotations), data_root=str(tmp_path))
    assert dataset.metainfo["classes"] == ("class3", "class7", "class8")
    assert dataset.metainfo["category_ids"] == (3, 7, 8)
    assert [entry["bbox_label"] for entry in dataset.get_data_info(0)["instances"]] == [1]


def test_excluded_images_are_left_out(tmp_path: Path) -> None:
    annotations = _with_images(tmp_path)
    dataset = LVISFormatDataset(ann_file=str(annotations), data_root=str(tmp_path), exclude=[1])
    assert [dataset.get_data_info(i)["img_id"] for i in range(len(dataset))] == [2]


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    annotations = _with_images(tmp_path)
    (tmp_path / "train2017" / "000000000002.jpg").unlink()
    with pytest.raises(FileNotFoundError, match="image 2"):
        LVISFormatDataset(ann_file=str(annotations), data_root=str(tmp_path))

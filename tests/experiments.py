"""Small data in LVIS's form and resolved configs, for tests that need no images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lt_bench.data.dataset import Dataset
from lt_bench.data.lvis import DataPaths, load
from lt_bench.run.config import resolve
from lt_bench.run.experiment import Experiment

COUNTS = {3: (1, 1), 7: (40, 55), 8: (300, 900)}  # category id: images, instances


def write_annotations(folder: Path, classes: int = len(COUNTS), images: int = 2) -> DataPaths:
    """Training and validation JSON with three classes or more, ids with gaps, and two images or more each."""
    counts = COUNTS | {100 + extra: (1, 1) for extra in range(classes - len(COUNTS))}
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for split, first in (("train", 1), ("val", images + 9)):
        content = {
            "categories": [
                {
                    "id": key,
                    "name": f"class{key}",
                    "frequency": "rcf"[index % 3],
                    "image_count": counts[key][0],
                    "instance_count": counts[key][1],
                }
                for index, key in enumerate(counts)
            ],
            "images": [
                {
                    "id": number,
                    "width": 64,
                    "height": 64,
                    "coco_url": f"http://images.cocodataset.org/{split}2017/{number:012d}.jpg",
                    "neg_category_ids": [],
                    "not_exhaustive_category_ids": [],
                }
                for number in range(first, first + images)
            ],
            "annotations": [
                {
                    "id": number,
                    "image_id": number,
                    "category_id": 7,
                    "bbox": [1.0, 2.0, 30.0, 20.0],
                    "area": 600.0,
                    "segmentation": [[1, 2, 31, 2, 31, 22, 1, 22]],
                }
                for number in (first, first + 1)
            ],
        }
        path = folder / f"lvis_v1_{split}.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        paths.append(path)
    return DataPaths("lvis_v1", paths[0], paths[1], folder)


def small_dataset(folder: Path) -> Dataset:
    """The files of `write_annotations`, read."""
    paths = write_annotations(folder)
    return Dataset(paths, load(paths.train), load(paths.val))


def resolved(folder: Path, classes: int = len(COUNTS), images: int = 2, **arguments: Any) -> tuple[Any, dict[str, str]]:
    """The config of an experiment on `write_annotations`, and the digests that its fingerprint needs."""
    paths = write_annotations(folder, classes, images)
    train, val = load(paths.train), load(paths.val)
    arguments = {"loss": "ecm", "dataset": "lvis_v1", **arguments}
    cfg = resolve(Experiment(**arguments), paths, train)
    return cfg, {str(file.path.resolve()): file.digest for file in (train, val)}

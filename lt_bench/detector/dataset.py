"""Any LVIS-format annotation file as a mmdet data set: class list, ids and counts come from the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmdet.datasets.base_det_dataset import BaseDetDataset
from mmdet.registry import DATASETS

from lt_bench.data.lvis import ImageFinder, load, targets


@DATASETS.register_module()
class LVISFormatDataset(BaseDetDataset):
    """LVIS v1, v0.5 and everything in their form (see lt_bench/data/lvis.py).

    ann_file: the annotation JSON. data_root: the folder that holds the images. exclude: ids of images to leave
    out. filter_cfg: `filter_empty_gt` drops training images without annotations, `min_size` (pixels) those with a
    shorter side; both only in training.

    metainfo: `classes` (names in label order) and `category_ids` (label to id).
    """

    def __init__(self, *args: Any, exclude: Sequence[int] = (), **kwargs: Any) -> None:
        self.exclude = frozenset(exclude)
        super().__init__(*args, **kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Raises FileNotFoundError for an image that is in none of the usual places."""
        file = load(Path(self.ann_file))
        finder = ImageFinder(Path(self.data_root))
        self._metainfo.update(classes=tuple(file.names), category_ids=tuple(file.category_ids))
        by_image = targets(file, self.exclude)
        data_list = []
        for image in sorted(file.images, key=lambda image: image["id"]):
            if image["id"] in self.exclude:
                continue
            path = finder.find(image)
            if path is None:
                raise FileNotFoundError(f"{self.ann_file}: image {image['id']} is not below {self.data_root}")
            data_list.append(
                {
                    "img_path": str(path),
                    "img_id": image["id"],
                    "height": image["height"],
                    "width": image["width"],
                    "instances": [
                        _instance(annotation, file.label_of[annotation["category_id"]])
                        for annotation in by_image.get(image["id"], [])
                        if _usable(annotation, image)
                    ],
                }
            )
        return data_list

    def filter_data(self) -> list[dict[str, Any]]:
        """The training images that `filter_cfg` keeps; all images in test mode."""
        if self.test_mode or self.filter_cfg is None:
            return list(self.data_list)
        need_instances = self.filter_cfg.get("filter_empty_gt", False)
        min_size = self.filter_cfg.get("min_size", 0)
        return [
            data
            for data in self.data_list
            if (data["instances"] or not need_instances) and min(data["height"], data["width"]) >= min_size
        ]


def _usable(annotation: dict[str, Any], image: dict[str, Any]) -> bool:
    """False for what mmdet too leaves out of training: under a pixel wide or high, without area, outside the image."""
    x, y, width, height = annotation["bbox"]
    inside = min(x + width, image["width"]) > max(x, 0) and min(y + height, image["height"]) > max(y, 0)
    return bool(inside and annotation["area"] > 0 and width >= 1 and height >= 1)


def _instance(annotation: dict[str, Any], label: int) -> dict[str, Any]:
    x, y, width, height = annotation["bbox"]
    return {
        "bbox": [x, y, x + width, y + height],
        "bbox_label": label,
        "mask": annotation["segmentation"],
        "ignore_flag": 0,
    }

"""Writes every detection to disk as it comes, so that evaluation needs nothing else and no run can lose its result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch.distributed as dist
from mmdet.registry import METRICS
from mmengine.evaluator import BaseMetric

from lt_bench.detector.mask_encoding import encode_masks
from lt_bench.errors import RunFailedError
from lt_bench.evaluation.inputs.predictions import PREDICTIONS_FILE, encode, write_encoded


@METRICS.register_module()
class PredictionWriter(BaseMetric):
    """Streams detections to `<folder>/predictions.json` in COCO's result form.

    Each rank appends every image to a part file: a line with the image's id, the number of its detections and of their
    bytes, then the detections as they will stand in the list. When all images are done, rank 0 copies the parts into
    one list, without the images that the distributed sampler repeated to even out the ranks.

    folder: where the file goes; the runner sets it to the run's work dir. Nothing is computed here: lt_bench
    evaluates from the file, and mmdet's own Runner gets the number of detections as its metric.
    """

    default_prefix = "predictions"

    def __init__(self, folder: str = ".") -> None:
        super().__init__()
        self.folder = Path(folder)
        self._part: Any = None

    def _part_path(self, rank: int) -> Path:
        return self.folder / f"predictions.part{rank}"

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """data_samples: mmdet's predictions as dicts with img_id and pred_instances (boxes in x1, y1, x2, y2)."""
        if self._part is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            rank = dist.get_rank() if dist.is_initialized() else 0
            self._part = self._part_path(rank).open("wb")
        assert self.dataset_meta is not None
        for sample in data_samples:
            detections = list(detections_of(sample, self.dataset_meta["category_ids"]))
            text = encode(detections)
            self._part.write(b"%d %d %d\n%b" % (sample["img_id"], len(detections), len(text), text))

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        """Not used: `evaluate` works from the part files."""
        raise RuntimeError("PredictionWriter keeps no results in memory")

    def evaluate(self, size: int) -> dict[str, float]:
        """Merge the parts. Returns the number of detections and of images."""
        if self._part is not None:
            self._part.close()
            self._part = None
        world_size = 1
        if dist.is_initialized():
            world_size = dist.get_world_size()
            dist.barrier()
        counts = {"detections": 0.0, "images": 0.0}
        if not dist.is_initialized() or dist.get_rank() == 0:
            parts = [path for rank in range(world_size) if (path := self._part_path(rank)).exists()]
            write_encoded(self.folder / PREDICTIONS_FILE, _merge(parts, size, counts))
            for path in parts:
                path.unlink()
        return {f"{self.prefix}/{name}": count for name, count in counts.items()}


def _merge(parts: Sequence[Path], size: int, counts: dict[str, float]) -> Iterator[bytes]:
    """The detections of every image once. Raises RunFailedError when there are fewer images than `size`."""
    seen: set[int] = set()
    for part in parts:
        with part.open("rb") as stream:
            for header in stream:
                if not header.endswith(b"\n"):
                    break  # cut off
                image, detections, length = map(int, header.split())
                text = stream.read(length)
                if image not in seen and len(text) == length:
                    seen.add(image)
                    counts["detections"] += detections
                    yield text
    counts["images"] = len(seen)
    if len(seen) < size:
        raise RunFailedError(
            f"predictions of {size - len(seen)} of {size} images are missing in {[str(part) for part in parts]}: "
            "all processes must share the run's folder"
        )


def detections_of(sample: dict[str, Any], category_ids: Sequence[int]) -> Iterator[dict[str, Any]]:
    """The detections of one image in COCO's result form, boxes in x, y, width, height, masks as compressed RLE."""
    instances = sample["pred_instances"]
    boxes = instances["bboxes"].detach().cpu().numpy().astype(np.float64)
    boxes[:, 2:] -= boxes[:, :2]
    scores = instances["scores"].detach().cpu().numpy().astype(np.float64)
    labels = instances["labels"].detach().cpu().numpy()
    masks = None if "masks" not in instances else encode_masks(instances["masks"])
    for index in range(len(labels)):
        detection = {
            "image_id": int(sample["img_id"]),
            "category_id": int(category_ids[labels[index]]),
            "bbox": boxes[index].tolist(),
            "score": float(scores[index]),
        }
        if masks is not None:
            detection["segmentation"] = masks[index]
        yield detection

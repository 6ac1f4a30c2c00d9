"""Masks of the boxes that a run keeps, by the mask head of the detector whose features are stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from lt_bench.errors import UserError
from lt_bench.features.manifest import HELD_OUT
from lt_bench.features.source import DetectorSource, of_checkpoint, of_run

if TYPE_CHECKING:
    from lt_bench.features.manifest import Manifest
    from lt_bench.features.store import FeatureSet


def detector_of(path: Path, manifest: Manifest) -> DetectorSource:
    """The detector that the features are of. path: the folder of its run, or a stock checkpoint.

    Raises UserError for another one, or one without masks, and what `features` raises for such a path.
    """
    if path.is_dir():
        source = of_run(path)
    elif path.is_file() and manifest.stock is not None:
        from lt_bench.data import dataset as datasets

        stock = manifest.stock
        data = datasets.load(datasets.find(stock.dataset, None))
        source = of_checkpoint(path, data, stock.backbone, stock.detector)
    else:
        raise UserError(f"--masks {path}: there is no such run", "name what the features were made of")
    if source.checkpoint_sha256 != manifest.checkpoint_sha256:
        raise UserError(
            f"--masks {path}: the features {manifest.name} are of another checkpoint",
            f"name the one whose SHA-256 begins with {manifest.checkpoint_sha256[:8]}",
        )
    if source.cfg.model.roi_head.get("mask_head") is None:
        raise UserError(f"--masks {path}: this detector predicts no masks", "leave out --masks")
    return source


class Masks:
    """Passes the images of a split through backbone and mask head again, for the boxes that a classifier chose.

    Raises UserError when the images are not those that the features were made of.
    """

    def __init__(self, path: Path, features: FeatureSet, split: str, device: torch.device) -> None:
        """path: as `detector_of` takes it. split: val or held_out."""
        from lt_bench.features.images import test_images
        from lt_bench.features.model import build
        from lt_bench.features.plan import open_held_out

        source = detector_of(path, features.manifest)
        model: Any = build(source.cfg, source.checkpoint, source.run is None, device)  # registers modules as well
        source.cfg.test_dataloader.num_workers = 0  # a run's process may have no children
        images = open_held_out(source.cfg, features.path) if split == HELD_OUT else test_images(source.cfg)
        if images.image_ids() != features.split(split).image_ids.tolist():
            raise UserError(
                f"the images {split} of {path} are not those of {features.path}",
                "make the features anew with `lt_bench features`",
            )
        self._model, self._images = model, images

    def of(self, found: Iterator[Any]) -> Iterator[Any]:
        """found: mmdet's InstanceData of each image in turn, with bboxes in the network's input.

        Yields them with the masks of their labels, both in the original image, as `model.predict` returns them.
        """
        for indices, data in self._images.batches(0):
            yield from self._batch(data, [next(found) for _ in indices])

    @torch.inference_mode()
    def _batch(self, data: Any, found: list[Any]) -> list[Any]:
        prepared = self._model.data_preprocessor(data, False)
        levels = self._model.extract_feat(prepared["inputs"])
        metas = [sample.metainfo for sample in prepared["data_samples"]]
        results: list[Any] = self._model.roi_head.predict_mask(levels, metas, found, rescale=True)
        return results

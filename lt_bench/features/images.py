"""The images that a detector passes, as batches: those it was trained on, with augmentation, and those of a test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mmdet.registry import DATASETS
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader, Dataset

from lt_bench.detector.dataset import DataList, LVISFormatDataset
from lt_bench.errors import UserError
from lt_bench.features.seeding import AUGMENTATION, seeded

if TYPE_CHECKING:
    from mmengine.config import Config


class Images(Dataset[Any]):
    """A mmdet data set whose augmentation depends on seed, epoch and the image's index alone.

    batch_size: how many images the detector takes at a time.
    """

    def __init__(self, dataset: LVISFormatDataset, batch_size: int, workers: int, seed: int, epoch: int) -> None:
        dataset.full_init()
        self.dataset, self.batch_size, self.workers = dataset, batch_size, workers
        self.seed, self.epoch = seed, epoch

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> dict[str, Any]:
        with seeded(self.seed, self.epoch, index, AUGMENTATION):
            data: dict[str, Any] | None = self.dataset.prepare_data(index)
        if data is None:
            raise UserError(f"the config's pipeline drops image {index}", "leave such a step out of it")
        return data

    @property
    def data_list(self) -> DataList:
        return self.dataset.data_list

    def image_ids(self) -> list[int]:
        ids: list[int] = self.data_list.file.columns["image_id"][self.data_list.rows].tolist()
        return ids

    def truths(self) -> list[int]:
        """The number of ground-truth boxes of each image."""
        return [len(self.data_list.annotations_of(index)) for index in range(len(self))]

    def batches(self, start: int) -> Iterator[tuple[list[int], dict[str, Any]]]:
        """Indices and data of each batch, from image `start` on, which begins a batch."""
        indices = range(start, len(self))
        loader = DataLoader(
            self, self.batch_size, sampler=list(indices), num_workers=self.workers, collate_fn=pseudo_collate
        )
        for data in loader:
            yield list(range(start, start + len(data["inputs"]))), data
            start += len(data["inputs"])


def training_images(cfg: Config, seed: int, epoch: int) -> Images:
    """Every training image once, as the training loader gives it; masks, which no box depends on, are left out."""
    settings = _own(cfg.train_dataloader.dataset)
    settings["pipeline"] = [_without_masks(step) for step in settings["pipeline"]]
    loader = cfg.train_dataloader
    batch_size = min(loader.batch_size, cfg.get("images_per_device") or loader.batch_size)
    return Images(_build(settings), batch_size, loader.num_workers, seed, epoch)


def test_images(cfg: Config, **changes: Any) -> Images:
    """Every image of the test loader, with its ground truth. changes: of its data set's config."""
    loader = cfg.test_dataloader
    settings = {**_own(loader.dataset), **changes}
    steps = [dict(step) for step in settings["pipeline"]]
    if not any(step["type"] == "LoadAnnotations" for step in steps):
        loaded = next(place for place, step in enumerate(steps) if step["type"].startswith("LoadImage"))
        steps.insert(loaded + 1, {"type": "LoadAnnotations", "with_bbox": True, "with_mask": False})
    return Images(_build({**settings, "pipeline": steps}), loader.batch_size, loader.num_workers, 0, 0)


def _own(settings: Any) -> dict[str, Any]:
    """The data set's own config, without what repeats its images."""
    while "dataset" in settings:
        settings = settings.dataset
    plain: dict[str, Any] = settings.to_dict()
    return plain


def _without_masks(step: dict[str, Any]) -> dict[str, Any]:
    return {**step, "with_mask": False} if step["type"] == "LoadAnnotations" else dict(step)


def _build(settings: dict[str, Any]) -> LVISFormatDataset:
    dataset = DATASETS.build(settings)
    if not isinstance(dataset, LVISFormatDataset):
        raise UserError(f"the config's data set is a {type(dataset).__name__}", "features need a LVISFormatDataset")
    return dataset

"""Any LVIS-format annotation file as a mmdet data set: class list, ids and counts come from the file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from mmdet.datasets.base_det_dataset import BaseDetDataset
from mmdet.registry import DATASETS
from mmengine.dataset import ClassBalancedDataset, force_full_init
from numpy.typing import NDArray

from lt_bench.data.cache import cache_folder
from lt_bench.data.exclusion import Excluded, excluded
from lt_bench.data.image_files import ImageFinder, Split, split_of
from lt_bench.data.lvis import LVISFile, load
from lt_bench.data.repeat_factors import repeat_factors as factors_of
from lt_bench.errors import StoppedError, UnreadableDataError, UserError


class DataList(Sequence[dict[str, Any]]):
    """What mmengine calls a data list, with nothing in memory but which images it holds and where their files are.

    An entry is read from the annotation file when it is asked for, in a loader's worker as well: the index of the
    file is mapped, so the processes of a machine share it.

    rows: positions of the images in `file`, [N]. paths: of the image files, encoded as the system has them, [N].
    """

    def __init__(self, file: LVISFile, rows: NDArray[np.int64], paths: NDArray[np.bytes_]) -> None:
        self.file, self.rows, self.paths = file, rows, paths

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> DataList: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | DataList:
        if isinstance(index, slice):
            return self.take(index)
        file, row = self.file, int(self.rows[index])
        width, height = file.columns["image_size"][row].tolist()
        return {
            "img_path": os.fsdecode(self.paths[index]),
            "img_id": int(file.columns["image_id"][row]),
            "height": height,
            "width": width,
            "instances": [
                _instance(annotation, file.label_of[annotation["category_id"]])
                for annotation in file.annotations.at(self.annotations_of(index))
            ],
        }

    def annotations_of(self, index: int) -> NDArray[np.int32]:
        """The positions in `file` of an image's usable annotations."""
        annotations = self.file.rows_of(int(self.rows[index]))
        usable: NDArray[np.int32] = annotations[self.file.columns["usable"][annotations]]
        return usable

    def take(self, which: slice | NDArray[Any]) -> DataList:
        """A part of it: a slice, positions, or a mask [N]."""
        return DataList(self.file, self.rows[which], self.paths[which])

    def sizes(self) -> NDArray[np.int64]:
        """Width and height of the images, in pixels: [N, 2]."""
        sizes: NDArray[np.int64] = self.file.columns["image_size"][self.rows]
        return sizes

    def shown_categories(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Every pair of an image and a category that it shows: position here and category id, [P] each, ascending."""
        columns = self.file.columns
        begin, end = (columns["first"][self.rows + offset] for offset in (0, 1))
        positions = np.repeat(np.arange(len(self)), end - begin)
        # the annotations of each image stand one after the other in `by_image`
        within = np.arange(len(positions)) - np.repeat(np.cumsum(end - begin) - (end - begin), end - begin)
        annotations = columns["by_image"][begin[positions] + within]
        usable = columns["usable"][annotations]
        categories, codes = np.unique(columns["category_id"][annotations[usable]], return_inverse=True)
        # one number a pair: numpy sorts pairs ten times slower
        pairs = np.unique(positions[usable] * max(1, len(categories)) + codes)
        positions, codes = np.divmod(pairs, max(1, len(categories)))
        return positions, categories[codes]


@DATASETS.register_module()
class LVISFormatDataset(BaseDetDataset):
    """LVIS v1, v0.5 and everything in their form (see lt_bench/data/lvis.py).

    ann_file: the annotation JSON. data_root: the folder that holds the images. split: whose folders they are in
    ("train" or "val"), where the name of ann_file does not tell. exclude: images to leave out, by id or as "train:ID"
    and "val:ID". filter_cfg: `filter_empty_gt` drops training images without annotations, `min_size` (pixels) those
    with a shorter side; both only in training. serialize_data is without effect: nothing is held that could be
    serialised.

    metainfo: `classes` (names in label order) and `category_ids` (label to id).
    """

    data_list: DataList

    def __init__(self, *args: Any, exclude: Sequence[Excluded] = (), split: Split | None = None, **kwargs: Any) -> None:
        self.exclude, self.split = tuple(exclude), split
        super().__init__(*args, **{**kwargs, "serialize_data": False})

    def load_data_list(self) -> DataList:
        """Raises UnreadableDataError for an image that is in none of the usual places, or in several."""
        file = load(Path(self.ann_file), cache_folder(), rehash=False, masks=self._loads_masks())
        split = self.split or split_of(file.path)
        finder, left_out = ImageFinder(Path(self.data_root), split), excluded(self.exclude, split or "")
        self._metainfo.update(classes=tuple(file.names), category_ids=tuple(file.category_ids))
        ids, names = file.image_ids, file.image_names()
        rows = sorted((row for row, key in enumerate(ids) if key not in left_out), key=ids.__getitem__)
        paths = []
        for row in rows:
            relative = finder.relative(names[row])
            if relative is None:
                where = ", ".join(finder.candidates(names[row])) or finder.where(names[row])
                raise UnreadableDataError(
                    f"{self.ann_file}: image {ids[row]} is not one file: {where}",
                    "`python -m lt_bench data check` lists all such images",
                )
            paths.append(os.fsencode(os.path.join(self.data_root, relative)))
        return DataList(file, np.array(rows, dtype=np.int64), np.array(paths, dtype=np.bytes_))

    def _loads_masks(self) -> bool:
        return any(getattr(step, "with_mask", False) for step in self.pipeline.transforms)

    def filter_data(self) -> DataList:
        """The training images that `filter_cfg` keeps; all images in test mode."""
        data = self.data_list
        if self.test_mode or self.filter_cfg is None:
            return data
        kept = data.sizes().min(axis=1) >= self.filter_cfg.get("min_size", 0)
        if self.filter_cfg.get("filter_empty_gt", False):
            positions, _ = data.shown_categories()
            kept &= np.isin(np.arange(len(data)), positions)
        if not kept.any():
            raise UserError(
                f"{self.ann_file}: no image is left to train on: of {len(data)}, none has a usable annotation and "
                f"sides of at least {self.filter_cfg.get('min_size', 0)} pixels",
                "`python -m lt_bench data check` says more",
            )
        return data.take(kept)

    @force_full_init
    def get_data_info(self, idx: int) -> dict[str, Any]:
        """The data of image `idx`, read from the annotation file: nobody else's, so there is nothing to copy."""
        index = range(len(self.data_list))[idx]
        return {**self.data_list[index], "sample_idx": index}

    def prepare_data(self, idx: int) -> Any:
        """What the pipeline makes of image `idx`. Raises UnreadableDataError that names image and file."""
        try:
            return super().prepare_data(idx)
        except (StoppedError, MemoryError):
            raise
        except UserError as error:  # of the annotations
            raise UnreadableDataError(error.message, error.remedy) from error
        except Exception as error:  # a file may go bad in any way while a run reads it
            path, image = (
                os.fsdecode(self.data_list.paths[idx]),
                self.data_list.file.image_ids[self.data_list.rows[idx]],
            )
            said = str(error).partition("\n")[0]
            raise UnreadableDataError(
                f"image {image} ({path}) of {self.ann_file} can't be loaded: {type(error).__name__}: {said}",
                "`python -m lt_bench data check` says more; with the files as they were, the same command goes on",
            ) from error

    @force_full_init
    def get_cat_ids(self, idx: int) -> list[int]:
        """The label of each instance in image `idx`."""
        file = self.data_list.file
        categories = file.columns["category_id"][self.data_list.annotations_of(idx)]
        return [file.label_of[category] for category in categories.tolist()]

    def _get_unserialized_subset(self, indices: Sequence[int] | int) -> DataList:
        """mmengine's hook for `indices` and for subsets: the first n, the last -n, or those that are named."""
        if isinstance(indices, int):
            return self.data_list[:indices] if indices >= 0 else self.data_list[indices:]
        return self.data_list.take(np.array(indices, dtype=np.int64))


@DATASETS.register_module()
class RepeatFactorDataset(ClassBalancedDataset):
    """mmengine's ClassBalancedDataset, with the same images in the same order, for a LVISFormatDataset.

    Repeat factor sampling, Gupta et al., CVPR 2019, section 4.2: an image occurs ceil(r) times, with r the largest
    max(1, sqrt(oversample_thr / f(c))) of the categories c that it shows, f(c) the share of images that show c.

    The categories come from the index of the annotations, none of which is read. Any other data set is repeated by
    mmengine's own code.
    """

    repeat_indices: NDArray[np.int64]
    _fully_initialized: bool

    def full_init(self) -> None:
        if self._fully_initialized:
            return
        if not isinstance(self.dataset, LVISFormatDataset):
            super().full_init()
            return
        self.dataset.full_init()
        factors = repeat_factors(self.dataset.data_list, self.oversample_thr)
        self.repeat_indices = np.repeat(np.arange(len(factors)), np.ceil(factors).astype(np.int64))
        self._fully_initialized = True

    def _get_ori_dataset_idx(self, idx: int) -> int:
        return int(self.repeat_indices[idx])


def repeat_factors(data: DataList, threshold: float) -> NDArray[np.float64]:
    """The repeat factor of each image, 1 for one without a usable annotation: [N]."""
    return factors_of(*data.shown_categories(), len(data), threshold)


def _instance(annotation: dict[str, Any], label: int) -> dict[str, Any]:
    x, y, width, height = annotation["bbox"]
    return {
        "bbox": [x, y, x + width, y + height],
        "bbox_label": label,
        "mask": annotation.get("segmentation"),
        "ignore_flag": 0,
    }

"""The annotations that predictions are measured against."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lt_bench.data.cache import cache_folder
from lt_bench.data.content import refused_by_evaluation, sound_masks
from lt_bench.data.lvis import FOR_TRAINING, SEGMENTATION, LVISFile, read
from lt_bench.data.problem import REMEDIES
from lt_bench.errors import UserError

REMEDY = "`python -m lt_bench data check` lists everything that is wrong with a data set."
NO_MASKS = "Evaluate boxes alone with --box-only, or give each object a mask"
COUNTED = 1000  # problems at most, so that a file that is all wrong is refused at once


@dataclass(frozen=True, eq=False)
class Objects:
    """The annotations that have an area, as lvis-api takes only those, in the order of the file.

    row: int64 [G], the position of each among the file's annotations. image, category: int64 [G], indices into
    GroundTruth.image_ids and .category_ids. box: float64 [G, 4], x, y, width, height in pixels. area: float64 [G], as
    annotated, in pixels. ignored: bool [G].
    """

    row: NDArray[np.int64]
    image: NDArray[np.int64]
    category: NDArray[np.int64]
    box: NDArray[np.float64]
    area: NDArray[np.float64]
    ignored: NDArray[np.bool_]

    def take(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> Objects:
        return Objects(**{name: column[index] for name, column in vars(self).items()})


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """file: the annotation file, from which segmentations are read when they are needed. image_ids: int64 [I],
    ascending. image_row: int64 [I], the position of each among the file's images. image_size: int64 [I, 2], (height,
    width) in pixels. category_ids: ascending, the order of all per-class results. frequency: "r", "c" or "f" of each
    category. positive: bool [I, K], which categories an image has objects of. annotated: bool [I, K], positive or known
    to be absent: only for those a detection counts. not_exhaustive: bool [I, K], where an unmatched detection is
    forgiven. The latter two may be views of a single value that is everywhere the same: of 30,000 images and 13,000
    categories, a table is 400 MB.
    """

    file: LVISFile
    image_ids: NDArray[np.int64]
    image_row: NDArray[np.int64]
    image_size: NDArray[np.int64]
    category_ids: tuple[int, ...]
    frequency: tuple[str, ...]
    objects: Objects
    positive: NDArray[np.bool_]
    annotated: NDArray[np.bool_]
    not_exhaustive: NDArray[np.bool_]

    @property
    def path(self) -> Path:
        return self.file.path

    def image_indices(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Places of image ids in `image_ids`; -1 for one that is unknown."""
        return _indices(self.image_ids, ids)

    def category_indices(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Places of category ids in `category_ids`; -1 for one that is unknown."""
        return _indices(np.array(self.category_ids), ids)

    def annotations(self, objects: NDArray[np.int64]) -> list[bytes]:
        """The JSON of some objects as the file has it, but for the ids where these don't all start at 1, and for
        segmentations that are not sound, which only a ground truth of boxes has.

        lvis-api stores a match as the annotation's id, and reads 0 as "no match". Which id it is makes no difference.
        """
        rows = self.objects.row[objects]
        entries = self.file.annotations.raw_at(rows)
        sound = sound_masks(self.file)
        if (self.file.columns["annotation_id"] > 0).all() and sound.all():
            return entries
        changed = []
        for entry, row in zip(map(json.loads, entries), rows.tolist(), strict=True):
            if not sound[row]:
                entry.pop("segmentation", None)
            changed.append(json.dumps({**entry, "id": row + 1}).encode())
        return changed


def _indices(known: NDArray[np.int64], ids: NDArray[np.int64]) -> NDArray[np.int64]:
    indices = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return np.where(known[indices] == ids, indices, -1)


def load_ground_truth(path: Path, masks: bool = True) -> GroundTruth:
    """Read an LVIS annotation file. masks: whether its segmentations are needed; without, nothing is asked of them.

    Raises UserError when it is missing, no LVIS JSON, or what it says could not be evaluated, or not in one way alone.
    Of all but what is measured on, only the index is read (see `lt_bench.data.annotation_index`), from the cache if it
    is there.
    """
    file = read(path, cache_folder(), rehash=False)
    file.refuse_lacks([field for field in file.lacks if field not in (*FOR_TRAINING, SEGMENTATION)])
    if masks and SEGMENTATION in file.lacks:
        lacking = file.lacks[SEGMENTATION][1]
        raise UserError(f"{path}: {lacking}, and masks are to be evaluated", f"{NO_MASKS}. {REMEDY}")
    problems = list(islice(refused_by_evaluation(file, masks), COUNTED + 1))
    if problems:
        first, others = problems[0], len(problems) - 1
        more = f" (and {others if others < COUNTED else f'at least {COUNTED}'} more)" if others else ""
        remedy = REMEDIES[first.kind][:1].upper() + REMEDIES[first.kind][1:]
        raise UserError(f"{path}: {first.kind}: {first.where}: {first.detail}{more}", f"{remedy}. {REMEDY}")
    return _assemble(file)


def is_finite(value: Any) -> bool:
    """Whether a JSON value is a finite number. True and false are none."""
    try:
        return type(value) in (int, float) and math.isfinite(value)
    except OverflowError:  # an integer beyond every float
        return False


def is_box(value: Any) -> bool:
    """Whether a JSON value is [x, y, width, height]."""
    return isinstance(value, list) and len(value) == 4 and all(map(is_finite, value))


def _assemble(file: LVISFile) -> GroundTruth:
    columns = file.columns
    order = np.argsort(columns["image_id"])
    place = np.argsort(order)  # of each of the file's images in `order`
    category_ids = np.array(file.category_ids, dtype=np.int64)
    rows = np.flatnonzero(columns["area"] > 0)
    objects = Objects(
        row=rows,
        image=place[columns["image_row"][rows]],
        category=_indices(category_ids, columns["category_id"][rows]),
        box=columns["bbox"][rows],
        area=columns["area"][rows],
        ignored=columns["ignore"][rows],
    )
    positive = np.zeros((len(order), len(category_ids)), dtype=bool)
    positive[objects.image, objects.category] = True
    if file.exhaustive:
        annotated = _known_everywhere(file, place, positive)
    else:
        annotated = positive | _table(file, "neg_category_ids", place)
    return GroundTruth(
        file=file,
        image_ids=columns["image_id"][order],
        image_row=order,
        image_size=columns["image_size"][order, ::-1],
        category_ids=file.category_ids,
        frequency=tuple(category["frequency"] for category in file.categories),
        objects=objects,
        positive=positive,
        annotated=annotated,
        not_exhaustive=_table(file, "not_exhaustive_category_ids", place),
    )


def _known_everywhere(file: LVISFile, place: NDArray[np.int64], positive: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """`annotated` of an exhaustive file: everywhere, but for a category of which an image has only annotations without
    an area: it is not absent, and has no objects."""
    rows = np.flatnonzero(~(file.columns["area"] > 0))
    images = place[file.columns["image_row"][rows]]
    categories = _indices(np.array(file.category_ids, dtype=np.int64), file.columns["category_id"][rows])
    unclear = ~positive[images, categories]
    if not unclear.any():
        return np.broadcast_to(np.True_, positive.shape)
    annotated = np.ones_like(positive)
    annotated[images[unclear], categories[unclear]] = False
    return annotated


def _table(file: LVISFile, name: str, place: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which categories, of those that exist, stand in an image's list: bool [I, K]."""
    category_ids = np.array(file.category_ids, dtype=np.int64)
    shape = len(place), len(category_ids)
    if not len(file.columns[name]):
        return np.broadcast_to(np.False_, shape)
    table = np.zeros(shape, dtype=bool)
    images = np.repeat(place, np.diff(file.columns[f"{name}_first"]))
    categories = _indices(category_ids, file.columns[name])
    table[images[categories >= 0], categories[categories >= 0]] = True
    return table

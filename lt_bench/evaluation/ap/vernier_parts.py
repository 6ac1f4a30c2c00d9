"""Annotations as vernier reads them: some categories at a time, so that time and memory are bounded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from lt_bench.errors import UserError
from lt_bench.evaluation.inputs.detections import Detections
from lt_bench.evaluation.inputs.ground_truth import REMEDY, GroundTruth

CELLS = 1 << 18  # (category, image) pairs of a part; vernier spends time and memory on each, occupied or not
WORKERS = 2
BEYOND_EVERY_AREA = 1e11  # px^2; lvis-api's widest area range ends at 1e10


class Refused(UserError):
    """vernier does not take these annotations. That need not mean that lvis-api doesn't."""


@dataclass(frozen=True, eq=False)
class Part:
    """Some categories, which nothing connects with the others once an image's detections are cut, as vernier reads
    them. categories: int64, their indices in the ground truth, ascending. dataset: makes vernier's, or gives the one
    that was made before, which keeps its masks.
    """

    categories: NDArray[np.int64]
    dataset: Callable[[], Any]


_known: WeakKeyDictionary[GroundTruth, list[Part]] = WeakKeyDictionary()


def parts_of(truth: GroundTruth) -> list[Part]:
    """The categories that have objects, in parts of bounded size; the others have no precision. Made once, with all
    images that are annotated with a category."""
    if truth not in _known:
        pairs = _pairs(truth, *np.nonzero(truth.annotated.T))
        with ThreadPoolExecutor(WORKERS) as pool:
            made = pool.map(lambda part: (part.categories, part.dataset()), _divided(truth, pairs))
            _known[truth] = [Part(categories, partial(_same, dataset)) for categories, dataset in made]
    return _known[truth]


def parts_with(truth: GroundTruth, detections: Detections) -> list[Part]:
    """`parts_of` where every image is annotated with every category. An image is left out of a part in which it has
    neither objects nor detections, and so adds to no sum. The datasets are made when they are measured."""
    category = np.concatenate((truth.objects.category, truth.category_indices(detections.category)))
    image = np.concatenate((truth.objects.image, truth.image_indices(detections.image)))
    return list(_divided(truth, np.unique(_pairs(truth, category, image))))


def _same(dataset: Any) -> Any:
    return dataset


def _pairs(truth: GroundTruth, category: NDArray[np.int64], image: NDArray[np.int64]) -> NDArray[np.int64]:
    """One number for each pair of a category and an image."""
    pairs: NDArray[np.int64] = category * len(truth.image_ids) + image
    return pairs


def _divided(truth: GroundTruth, pairs: NDArray[np.int64]) -> Iterator[Part]:
    """The categories that have objects, ascending, in groups that have no more than CELLS pairs with their images.
    pairs: of each category and the images to take, ascending."""
    count = len(truth.image_ids)
    bounds = np.searchsorted(pairs, np.arange(len(truth.category_ids) + 1) * count)
    images = np.diff(bounds).tolist()
    objects = np.argsort(truth.objects.category, kind="stable")

    def part(chosen: list[int]) -> Part:
        own = np.unique(np.concatenate([pairs[bounds[each] : bounds[each + 1]] % count for each in chosen]))
        categories = np.array(chosen)
        return Part(categories, partial(_dataset, truth, objects, categories, own))

    chosen: list[int] = []
    for category in np.flatnonzero(truth.positive.any(axis=0)).tolist():
        if chosen and (len(chosen) + 1) * sum(images[other] for other in (*chosen, category)) > CELLS:
            yield part(chosen)
            chosen = []
        chosen.append(category)
    if chosen:
        yield part(chosen)


def _dataset(
    truth: GroundTruth, by_category: NDArray[np.int64], categories: NDArray[np.int64], images: NDArray[np.int64]
) -> Any:
    """vernier's of some categories. by_category: the objects, by category. images: indices of those to take."""
    from vernier.instance import CocoDataset

    of = truth.objects.category[by_category]
    starts, ends = np.searchsorted(of, categories), np.searchsorted(of, categories, side="right")
    objects = [by_category[start:end] for start, end in zip(starts, ends, strict=True)]
    try:
        return CocoDataset.from_lvis_json(_json(truth, categories, images, np.sort(np.concatenate(objects))))
    except ValueError as error:
        raise Refused(f"{truth.path}: vernier does not take it: {error}", REMEDY) from error


def _json(
    truth: GroundTruth, categories: NDArray[np.int64], present: NDArray[np.int64], objects: NDArray[np.int64]
) -> bytes:
    """Some categories, some images (`present`) and some objects as vernier must read them to mean what lvis-api means.

    lvis-api ignores `iscrowd` and obeys `ignore`; vernier, after pycocotools, does the reverse. An ignored annotation
    is therefore given an area outside every area range, which means the same to lvis-api. vernier refuses lists that
    contradict each other: a category that is annotated in an image counts as positive whatever the negative list says,
    and in an image where a category is not annotated and not exhaustive either, lvis-api ignores every detection of it,
    as if it were in no list.
    """
    ids = np.array(truth.category_ids)[categories]
    cells = np.ix_(present, categories)
    positive, open_ = truth.positive[cells], truth.not_exhaustive[cells]
    columns = (
        truth.image_ids[present].tolist(),
        truth.image_size[present].tolist(),
        _lists(truth.annotated[cells] & ~positive & ~open_, ids),
        _lists(positive & open_, ids),
    )
    images = ",".join(
        f'{{"id":{key},"height":{height},"width":{width},"neg_category_ids":{negative},'
        f'"not_exhaustive_category_ids":{not_exhaustive}}}'
        for key, (height, width), negative, not_exhaustive in zip(*columns, strict=True)
    )
    entries = [
        {"id": key, "name": str(key), "frequency": truth.frequency[category]}
        for key, category in zip(ids.tolist(), categories, strict=True)
    ]
    head = f'{{"images":[{images}],"categories":{json.dumps(entries)},"annotations":['
    return head.encode() + b",".join(map(_readable, truth.annotations(objects))) + b"]}"


def _lists(table: NDArray[np.bool_], ids: NDArray[np.int64]) -> Iterator[list[int]]:
    """The ids of the columns that are set, row by row."""
    rows, columns = np.nonzero(table)
    values, ends = ids[columns].tolist(), np.cumsum(np.bincount(rows, minlength=len(table))).tolist()
    return (values[start:end] for start, end in pairwise([0, *ends]))


def _readable(text: bytes) -> bytes:
    if b'"iscrowd"' not in text and b'"ignore"' not in text:
        return text
    row = json.loads(text)
    row.pop("iscrowd", None)
    if row.pop("ignore", 0):
        row["area"] = BEYOND_EVERY_AREA
    return json.dumps(row).encode()

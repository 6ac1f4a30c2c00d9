"""COCO with a long tail: a part of its training images, of which each class has a number that falls exponentially.

Of K classes, ordered by how many training images show them, the class of rank k (from 0) gets

    n_k = n_0 * (n_last / n_0) ** (k / (K - 1))

images: the rule of CIFAR-LT (Cui et al., Class-Balanced Loss, CVPR 2019; Cao et al., LDAM, NeurIPS 2019). An image of
COCO shows several classes, so numbers can't be had exactly of all. Classes take turns from the rarest to the most
frequent. Each takes images that show it and no rarer class, until it has its number together with those that it got
through rarer classes; so no turn changes what earlier ones have. Whole images are taken, with all their annotations,
which therefore stay exhaustive. The validation images are all of COCO's.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lt_bench.data.convert import coco, find_coco
from lt_bench.data.convert.options import Options
from lt_bench.data.convert.source import Entry, Source
from lt_bench.data.convert.to_folder import Written, write_to_folder
from lt_bench.errors import UserError

NAME = "coco_lt"
MOST, FEWEST = 10_000, 2  # images of the most frequent class and of the rarest


@dataclass(frozen=True, eq=False)
class Shown:
    """For I images and K classes: image_ids int64 [I]; category_ids int64 [K], ascending; objects, any: bool [I, K],
    which image shows an object of which class, and which shows one or a region with several (`iscrowd`)."""

    image_ids: NDArray[np.int64]
    category_ids: NDArray[np.int64]
    objects: NDArray[np.bool_]
    any: NDArray[np.bool_]


def make(given: Path, out: Path | None = None) -> Written:
    """Write out/annotations/coco_lt_exp_train.json and coco_lt_exp_val.json, the same bytes each time.

    given: the folder of COCO, or its annotations folder. out: None for the folder of COCO. Raises UserError for
    annotations that are not there, can't be read or are not COCO's, and for a folder that can't be written.
    """
    sources = {source.split: source for source in coco.sources(find_coco.find([str(given)]))}
    for split in ("train", "val"):
        if split not in sources:
            raise UserError(f"{given}: there are no annotations of the split {split}", "name the folder of COCO 2017")
        if not sources[split].exhaustive:
            raise UserError(
                f"{sources[split].name} lists absent classes, as COCO does not", "name the folder of COCO 2017"
            )
    folder = out or (given.resolve().parent if given.resolve().name == "annotations" else given)
    return write_to_folder(
        [long_tail(sources["train"]), sources["val"]], "coco", NAME, folder, Options(masks_of_boxes=False)
    )


def long_tail(source: Source, most: int = MOST, fewest: int = FEWEST) -> Source:
    """The chosen images of a training set, and their annotations. most, fewest: n_0 and n_last."""
    shown = _shown(source)
    wanted = numbers(shown, most, fewest)
    chosen = choose(shown, wanted)
    left_out = frozenset(shown.image_ids[~chosen].tolist())

    def images() -> Iterator[Entry]:
        return (image for image in source.images() if image["id"] not in left_out)

    def annotations() -> Iterator[Entry]:
        return (annotation for annotation in source.annotations() if annotation["image_id"] not in left_out)

    lines = _described(shown, wanted, chosen, most, fewest)
    return replace(source, images=images, annotations=annotations, assumed=(*source.assumed, *lines))


def numbers(shown: Shown, most: int, fewest: int) -> NDArray[np.int64]:
    """How many images each class shall have: int64 [K], in the order of `category_ids`. Ranks of classes that equally
    many images show go by their ids."""
    order = _by_frequency(shown)
    steps = max(1, len(order) - 1)
    wanted = np.zeros(len(order), dtype=np.int64)
    for rank, place in enumerate(order):
        wanted[place] = math.floor(most * (fewest / most) ** (rank / steps) + 0.5)
    return wanted


def choose(shown: Shown, wanted: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which images are taken: bool [I]. Among those that fit, the order is that of the SHA-256 of their ids, so that
    it is as good as random, and the same whatever the order of the file."""
    digests = [hashlib.sha256(str(key).encode()).digest() for key in shown.image_ids.tolist()]
    place_of = np.empty(len(digests), dtype=np.int64)
    place_of[sorted(range(len(digests)), key=digests.__getitem__)] = np.arange(len(digests))
    chosen = np.zeros(len(digests), dtype=bool)
    is_open = np.ones(len(digests), dtype=bool)  # shows no class that had its turn
    for place in reversed(_by_frequency(shown)):
        missing = int(wanted[place]) - int(np.count_nonzero(shown.objects[chosen, place]))
        fitting = np.flatnonzero(is_open & ~chosen & shown.objects[:, place])
        if missing > 0:
            chosen[fitting[np.argsort(place_of[fitting])][:missing]] = True
        is_open &= ~shown.any[:, place]
    return chosen


def _by_frequency(shown: Shown) -> list[int]:
    """Classes as places in `category_ids`, the most frequent first."""
    counts = np.count_nonzero(shown.objects, axis=0).tolist()
    return sorted(range(len(counts)), key=lambda place: (-counts[place], place))


def _shown(source: Source) -> Shown:
    image_ids = np.array([image["id"] for image in source.images()], dtype=np.int64)
    category_ids = np.array(sorted(category["id"] for category in source.categories), dtype=np.int64)
    row_of = {key: row for row, key in enumerate(image_ids.tolist())}
    place_of = {key: place for place, key in enumerate(category_ids.tolist())}
    objects, regions = (np.zeros((len(image_ids), len(category_ids)), dtype=bool) for _ in range(2))
    for annotation in source.annotations():
        row, place = row_of.get(annotation["image_id"]), place_of.get(annotation["category_id"])
        if row is not None and place is not None:
            regions[row, place] = True
            objects[row, place] |= not annotation.get("iscrowd")
    return Shown(image_ids, category_ids, objects, regions)


def _described(
    shown: Shown, wanted: NDArray[np.int64], chosen: NDArray[np.bool_], most: int, fewest: int
) -> Iterator[str]:
    yield (
        f"long tail: {np.count_nonzero(chosen):,} of {len(chosen):,} images, so that the number of images of a class "
        f"falls exponentially with its rank, from {most:,} to {fewest:,}"
    )
    got = np.count_nonzero(shown.objects[chosen], axis=0)
    names = {"fewer": got < wanted, "more": got > wanted}
    why = {"fewer": "as no further image shows them and no rarer class", "more": "through images of rarer classes"}
    for word, which in names.items():
        if count := np.count_nonzero(which):
            first = int(np.argmax(np.where(which, np.abs(got - wanted), -1)))
            yield (
                f"long tail: {count} of {len(wanted)} classes have {word} images than that, {why[word]}; most so "
                f"category {shown.category_ids[first]}: {got[first]:,} and not {wanted[first]:,}"
            )

"""Images that a run leaves out: of the training set, of the validation set, or by an id that only one of them has."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np

from lt_bench.data.content import measured_on
from lt_bench.data.image_files import NAMES
from lt_bench.data.lvis import LVISFile
from lt_bench.data.text_source import open_text_source
from lt_bench.errors import UserError

Excluded = int | str  # an image's id, or "train:ID", "val:ID" where both files have it

_ID = re.compile(r"-?[0-9]+")
_FORM = (
    "the file holds images as train:ID or val:ID, or ids (not names) that only one of the two files has, one per line"
)


def excluded(images: Iterable[Excluded], split: str) -> frozenset[int]:
    """The ids of those that are of `split`, or may be."""
    own = (_parts(image) for image in images)
    return frozenset(image_id for of, image_id in own if of in ("", split))


def read_exclusions(path: Path, train: Collection[int], val: Collection[int]) -> tuple[Excluded, ...]:
    """The images that a file names, ids first, each as an id wherever only one split has it.

    train, val: the ids of their images. Raises UserError for a line of another form, an id that its split does not
    have, and one without a split that both have.
    """
    ids = {"train": frozenset(train), "val": frozenset(val)}
    both = ids["train"] & ids["val"]
    try:
        with open_text_source(path) as stream:
            named = sorted(_named(stream.read().decode()))
    except (OSError, ValueError) as error:
        raise UserError(f"--exclude-images {path}: {error}", _FORM) from error
    found: set[Excluded] = set()
    for split, image_id in named:
        if image_id not in (ids[split] if split else ids["train"] | ids["val"]):
            missing = sum(key not in (ids[of] if of else ids["train"] | ids["val"]) for of, key in named)
            raise UserError(
                f"--exclude-images {path}: no image of {split or 'either split'} has the id {image_id} "
                f"({missing} such ids)",
                "correct the file",
            )
        if not split and image_id in both:
            raise UserError(
                f"--exclude-images {path}: both splits have an image {image_id}",
                f"write train:{image_id} or val:{image_id}, or both on two lines",
            )
        found.add(f"{split}:{image_id}" if image_id in both else image_id)
    return tuple(in_order(found))


def refuse_nothing_left(train: LVISFile, val: LVISFile, images: Collection[Excluded]) -> None:
    """Raises UserError where without `images` there is no object to train on, or none to evaluate on."""
    for split, file, objects in (("train", train, train.columns["usable"]), ("val", val, measured_on(val))):
        left_out = excluded(images, split)
        shown = np.unique(file.columns["image_row"][objects])
        if left_out and left_out.issuperset(file.columns["image_id"][shown].tolist()):
            raise UserError(
                f"--exclude-images leaves no image of {split} that shows an object: {len(left_out)} of "
                f"{len(file.images)} are left out",
                "leave out fewer",
            )


def in_order(images: Iterable[Excluded]) -> list[Excluded]:
    """Ids ascending, then those of one split."""
    return sorted(images, key=lambda image: (isinstance(image, str), *_parts(image)))


def _named(text: str) -> set[tuple[str, int]]:
    """Splits and ids in the lines of a file, in which # begins a comment. Raises ValueError with the line's number."""
    found = set()
    for number, line in enumerate(text.splitlines(), 1):
        try:
            found |= {_parts(word) for word in re.sub(r":[ \t]+", ":", line.partition("#")[0]).split()}
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
    return found


def _parts(image: Excluded) -> tuple[str, int]:
    split, _, image_id = str(image).rpartition(":")
    if split not in ("", *NAMES):
        raise ValueError(f"{image!r}: there is no split {split!r}")
    if not _ID.fullmatch(image_id):  # int() takes more, such as 1_000
        raise ValueError(f"{image_id!r} is no image id")
    return split, int(image_id)

"""Reading LVIS-format data: what an annotation file holds.

The form is that of LVIS v0.5 and v1 (Gupta et al., LVIS, CVPR 2019). Number, ids, names and counts of the classes
come from the JSON, never from a constant.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from lt_bench.data.annotation_index.building import build
from lt_bench.data.annotation_index.entries import malformed
from lt_bench.data.annotation_index.store import open_index
from lt_bench.data.annotation_text import AnnotationText
from lt_bench.data.columns import Columns
from lt_bench.data.convert.options import Options
from lt_bench.data.plain_text import plain_text
from lt_bench.errors import UserError

SEGMENTATION = "annotations.segmentation"
FOR_TRAINING = ("categories.name", "categories.image_count", "categories.instance_count", "images.name")


@dataclass(frozen=True)
class DataPaths:
    """The annotation files of a data set and the folder in which its images are resolved. is_own: a data set that a
    user named, and none that is known here. form: as in lt_bench.data.known.Known; then train and val are those of its
    files that stand for all. asked: of a conversion in place, if anything is."""

    dataset: str
    train: Path
    val: Path
    image_root: Path
    is_own: bool = False
    form: str | None = None
    asked: Options | None = None

    def check_command(self, masks: bool = True) -> str:
        """What lists all that is wrong with it. masks: with its masks."""
        boxes = "" if masks else " --box-only"
        if not self.is_own:
            return f"lt_bench data check {self.image_root} --dataset {self.dataset}{boxes}"
        files = f"--train-annotations {self.train} --val-annotations {self.val}"
        asked = "" if self.asked is None else f" {self.asked.words()}"
        return f"lt_bench data check {files} --images {self.image_root}{asked}{boxes}"


class Records(Sequence[dict[str, Any]]):
    """Entries of an annotation file, each read from it when it is asked for. span: int64 [N, 2], where each lies."""

    def __init__(self, text: AnnotationText, span: NDArray[np.int64]) -> None:
        self._text, self._span = text, span

    def __len__(self) -> int:
        return len(self._span)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Records: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | Records:
        if isinstance(index, slice):
            return Records(self._text, self._span[index])
        entry: dict[str, Any] = json.loads(self.raw(index))
        return entry

    def raw(self, index: int) -> bytes:
        """An entry as it stands in the file."""
        start, end = self._span[index].tolist()
        return self._text.read(start, end)

    def raw_at(self, rows: NDArray[np.integer[Any]]) -> list[bytes]:
        """The entries in `rows` as they stand in the file."""
        return self._text.read_all(self._span[rows].tolist())

    def at(self, rows: NDArray[np.integer[Any]]) -> list[dict[str, Any]]:
        """The entries in `rows`, ascending; those that stand side by side are read at once."""
        if not len(rows):
            return []
        if rows[-1] - rows[0] + 1 != len(rows):
            return [self[row] for row in rows.tolist()]
        entries: list[dict[str, Any]] = json.loads(
            b"[%s]" % self._text.read(int(self._span[rows[0], 0]), int(self._span[rows[-1], 1]))
        )
        return entries


@dataclass(frozen=True, eq=False)
class LVISFile:
    """One annotation file, indexed: its annotations stay on disk and are read when they are asked for.

    digest: SHA-256 of the file's bytes, hexadecimal. categories: sorted by id; a class's label is its position.
    exhaustive: whether the file says that every class is absent from the images that it is not annotated in; no image
    lists absent classes then. images, annotations: in the file's order. columns: see
    lt_bench.data.annotation_index.index.Index.
    cache: the folder of the index, None when there is none on disk. lacks: what the file lacks of LVIS's form, by field
    ("images.neg_category_ids", ...) the number of entries without it and the first one in words.

    Pickled, it is the file's path: whoever loads it maps the same index.
    """

    path: Path
    digest: str
    categories: list[dict[str, Any]] = field(repr=False)
    images: Records = field(repr=False)
    annotations: Records = field(repr=False)
    columns: Columns = field(repr=False)
    exhaustive: bool = False
    cache: Path | None = None
    lacks: Mapping[str, tuple[int, str]] = field(default_factory=dict, repr=False)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Class names, in label order."""
        return tuple(category["name"] for category in self.categories)

    @cached_property
    def category_ids(self) -> tuple[int, ...]:
        """Label to category id."""
        return tuple(category["id"] for category in self.categories)

    @cached_property
    def label_of(self) -> dict[int, int]:
        """Category id to label."""
        return {category_id: label for label, category_id in enumerate(self.category_ids)}

    @property
    def image_ids(self) -> list[int]:
        """In the file's order."""
        ids: list[int] = self.columns["image_id"].tolist()
        return ids

    def image_names(self) -> list[dict[str, str]]:
        """coco_url and file_name of each image, as far as it has them: what an ImageFinder needs."""
        names: list[dict[str, str]] = json.loads(self.columns["names"].tobytes())
        return names

    def refuse_lacks(self, fields: Collection[str]) -> None:
        """Raises UserError that names all of `fields`, keys of `lacks`, if there are any."""
        lacking = [self.lacks[field] for field in fields]
        if lacking:
            words = (f"{first}, and {count - 1:,} more" if count > 1 else first for count, first in lacking)
            raise malformed(self.path, *words)

    def rows_of(self, image: int) -> NDArray[np.int32]:
        """The positions of an image's annotations among all, in the file's order. image: the image's position."""
        first = self.columns["first"]
        rows: NDArray[np.int32] = self.columns["by_image"][first[image] : first[image + 1]]
        return rows

    def __reduce__(self) -> tuple[Any, ...]:
        return _load_again, (self.path, self.digest, self.cache)


def load(
    path: Path, cache: Path | None = None, rehash: bool = True, complete: bool = True, masks: bool = True
) -> LVISFile:
    """Read an annotation file in the form of LVIS v1 or v0.5: JSON in UTF-8, UTF-16 or UTF-32, packed by gzip or not.

    cache: where the index of the file is kept, so that it is parsed once and not at each start; None keeps nothing.
    rehash: whether to look at the file's content even if nobody touched it since it was last looked at.
    complete: whether to refuse a file that lacks what only training needs (FOR_TRAINING). masks: whether to refuse
    annotations without a segmentation, which only masks need. What else may be lacking is refused either way.

    Raises UserError when it is missing, cut off, no JSON or not of that form. Whether its content is consistent is
    the concern of lt_bench.data.verify.
    """
    file = read(path, cache, rehash)
    not_asked = {*(() if complete else FOR_TRAINING), *(() if masks else (SEGMENTATION,))}
    file.refuse_lacks([field for field in file.lacks if field not in not_asked])
    return file


def read(path: Path, cache: Path | None = None, rehash: bool = True) -> LVISFile:
    """`load` for whoever can do with what the file lacks."""
    path = Path(path)
    with plain_text(path, cache, rehash) as plain:
        text = AnnotationText(plain.path)
        index = build(plain.path, path) if cache is None else open_index(plain.path, plain.digest, cache, path)
        text.check()
        digest = plain.original or index.facts["digest"]
    images, annotations = (Records(text, index.columns[f"{key}_span"]) for key in ("image", "annotation"))
    facts = index.facts
    lacks = {field: (count, first) for field, (count, first) in facts["lacks"].items()}
    return LVISFile(
        path=path,
        digest=digest,
        categories=facts["categories"],
        images=images,
        annotations=annotations,
        columns=index.columns,
        exhaustive=facts["exhaustive"],
        cache=cache,
        lacks=lacks,
    )


def _load_again(path: Path, digest: str, cache: Path | None) -> LVISFile:
    file = read(path, cache, rehash=False)
    if file.digest != digest:
        raise UserError(f"{path} was changed while it was in use", "start again")
    return file

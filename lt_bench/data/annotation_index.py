"""The index of an annotation file: where each image and each annotation lies in it, and what is looked up of all.

An index holds no annotation, only places in the annotation file, and few numbers of each: 120 MB for the 1.1 GB of LVIS
v1's training set. It is made in one pass that keeps no annotation in memory, and kept in a cache under the SHA-256 of
the annotation file, from which all processes of a machine map the same memory.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from array import array
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lt_bench.data.cache import drop_unused, mark_used
from lt_bench.data.columns import Columns, DamagedError, pack, unpack
from lt_bench.data.json_stream import JSONStream, Piece, Readable
from lt_bench.data.segmentation import Segmentations
from lt_bench.errors import UserError
from lt_bench.utils.files import sha256_of, write_atomic
from lt_bench.utils.frequency import FREQUENCIES
from lt_bench.utils.locks import locked

FORMAT = 4  # part of the file's name: raise it whenever its content changes
FOLDER = "annotations"
UNUSED_DAYS = 30.0

logger = logging.getLogger(__name__)
Fields = Mapping[str, tuple[type, ...]]

_NUMBER = (int, float)
_CATEGORY: Fields = {"id": (int,)}
_IMAGE: Fields = {"id": (int,), "width": (int,), "height": (int,)}
_ANNOTATION: Fields = {"id": (int,), "image_id": (int,), "category_id": (int,), "bbox": (list,)}
# What an entry may lack: the file can be read without, though not used for everything (see `Index`).
_OF_CATEGORY: Fields = {"frequency": (str,)}
_LISTS = ("neg_category_ids", "not_exhaustive_category_ids")
_OF_IMAGE: Fields = dict.fromkeys(_LISTS, (list,))
_OF_ANNOTATION: Fields = {"area": _NUMBER, "segmentation": (list, dict)}
# What it may lack, or have of another type: only some uses read it.
_COUNTED: Fields = {"name": (str,), "image_count": (int,), "instance_count": (int,)}
_NAMES: Fields = {"file_name": (str,), "coco_url": (str,)}
_NO_JSON = "The file may be cut off or still packed: download or unpack it again."


@dataclass(frozen=True)
class Index:
    """facts: "digest" (SHA-256 of the annotation file), "version", "categories", sorted by id, and "lacks", what the
    file lacks of LVIS's form though it can be read: by field ("images.neg_category_ids", "images.name" for the name of
    the file, ...) the number of entries without it, or with null, and the first one in words. columns, for I images
    and A annotations in the file's order:

    image_id int64 [I]; image_size int64 [I, 2], width and height; image_span int64 [I, 2], first byte and the one
    after the last; names uint8, a JSON list of each image's coco_url and file_name.
    neg_category_ids, not_exhaustive_category_ids int64, those of image 0, of image 1, ..., and neg_category_ids_first,
    not_exhaustive_category_ids_first int64 [I + 1], where in them each begins.
    annotation_id, category_id int64 [A]; annotation_span int64 [A, 2]; image_row int32 [A], -1 for an image that the
    file does not list; bbox float64 [A, 4], x, y, width, height; area float64 [A], NaN where there is none; ignore,
    crowd bool [A]; mask_fault uint8 [A], what is wrong with the segmentation (see lt_bench.data.segmentation); usable
    bool [A], whether one trains on it.
    by_image int32, the annotations of image 0, of image 1, ...; first int64 [I + 1], where in by_image each begins.
    """

    facts: dict[str, Any]
    columns: Columns


def digest_of(path: Path, cache: Path, rehash: bool = True) -> str:
    """The SHA-256 (hex) of an annotation file.

    The cache keeps a note of it for the other processes of a run: without `rehash` the note is believed as long as
    nobody touched the file. Raises UserError when the file can't be read.
    """
    note = cache / FOLDER / f"{hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:32]}.digest"
    try:
        stamp = stamp_of(path.stat())
        noted = None if rehash else _noted(note, stamp)
        if noted is not None:
            return noted
        digest = sha256_of(path)
    except OSError as error:
        raise unreadable(path, error) from error
    with suppress(OSError):
        write_atomic(note, [json.dumps([stamp, digest]).encode()])
    return digest


def stamp_of(stat: os.stat_result) -> list[int]:
    """What changes when a file is written, replaced or renamed. Its owner can set its mtime, but not its ctime."""
    return [stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


def _noted(note: Path, stamp: list[int]) -> str | None:
    try:
        noted, digest = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return None
    return str(digest) if noted == stamp else None


def open_index(path: Path, digest: str, cache: Path, name: Path | None = None) -> Index:
    """The index of `path`, whose SHA-256 is `digest`, from the cache; built first when it is not there or damaged.

    name: what messages call the file.

    Of several processes that start at once one builds it. A cache that can't be written is logged, and done without.
    Raises UserError as `build` does.
    """
    stored = cache / FOLDER / f"{digest}.v{FORMAT}.index"
    index = _stored(stored)
    if index is not None:
        mark_used(stored)
        return index
    try:
        with locked(stored.with_name(f".{stored.name}.lock")):
            index = _stored(stored)  # another process may have built it meanwhile
            if index is None:
                logger.info(f"indexing {(name or path).name}, once for this content")
                index = build(path, name)
                _store(index, cache)
            return _stored(stored) or index  # mapped, so that it is shared
    except OSError as error:
        logger.warning(f"{cache} can't be used: {error}; going on without, which costs each process time and memory")
        return index or build(path, name)


def _stored(path: Path) -> Index | None:
    try:
        return Index(*unpack(path))
    except FileNotFoundError:
        return None
    except (OSError, DamagedError) as error:
        logger.warning(f"an index of annotations can't be used and is made again: {error}")
        return None


def _store(index: Index, cache: Path) -> None:
    write_atomic(cache / FOLDER / f"{index.facts['digest']}.v{FORMAT}.index", pack(index.facts, index.columns))
    drop_unused(cache / FOLDER, UNUSED_DAYS)


def build(path: Path, name: Path | None = None) -> Index:
    """Index an annotation file in the form of LVIS v1 or v0.5, in UTF-8. name: what messages call it.

    Raises UserError when it is missing, cut off, no JSON or not of that form. Whether its content is consistent is
    the concern of lt_bench.data.verify.
    """
    try:
        with path.open("rb", buffering=0) as stream:
            return _Builder(name or path).build(_Hashed(stream))
    except OSError as error:
        raise unreadable(name or path, error) from error
    except UnicodeDecodeError as error:
        message = f"{name or path}: not in UTF-8: {error.object[error.start :][:1]!r} after {_before(error)!r}"
        raise UserError(message, "Save it as UTF-8; other editors call it Unicode.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{name or path}: not JSON ({path.stat().st_size} bytes): {error}", _NO_JSON) from error


def _before(error: UnicodeDecodeError) -> str:
    return error.object[max(0, error.start - 40) : error.start].decode("ascii", "replace")


class _Hashed:
    """A stream, and the SHA-256 of what was read of it."""

    def __init__(self, stream: Readable) -> None:
        self._stream, self.sha256 = stream, hashlib.sha256()

    def read(self, size: int) -> bytes:
        content = self._stream.read(size)
        self.sha256.update(content)
        return content


class _Builder:
    """Goes through an annotation file once; only images' names and numbers stay."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sections = {"categories": self._category, "images": self._image, "annotations": self._annotation}
        self.found: set[str] = set()
        self.lacks: dict[str, tuple[int, str]] = {}

    def build(self, content: _Hashed) -> Index:
        stream = JSONStream(content)
        if stream.peek() not in ("{", ""):
            raise self._malformed(f"the top level is {_type(stream.value().value)}, expected an object")
        for key in stream.members():
            if key not in self.sections:
                stream.value()
                continue
            if stream.peek() != "[":
                raise self._malformed(f"{key!r} is {_type(stream.value().value)}, expected a list")
            self._begin(key)
            take = self.sections[key]
            for index, piece in enumerate(stream.elements()):
                take(index, piece)
        stream.end()
        return self._finish(content.sha256.hexdigest())

    def _begin(self, key: str) -> None:
        """Of a key that occurs twice the last one counts, as in every JSON reader."""
        self.found.add(key)
        self.lacks = {field: lack for field, lack in self.lacks.items() if not field.startswith(f"{key}.")}
        if key == "categories":
            self.categories: list[dict[str, Any]] = []
        elif key == "images":
            self.images = array("q")  # id, width, height, start, end
            self.names: list[dict[str, str]] = []
            self.lists = {name: array("q") for name in _LISTS}
            self.lengths = {name: array("q") for name in _LISTS}
        else:
            self.annotations = array("q")  # id, image_id, category_id, start, end
            self.boxes = array("d")  # x, y, w, h, area
            self.flags = array("b")  # ignore, crowd
            self.segmentations = Segmentations()

    def _category(self, index: int, piece: Piece) -> None:
        category = self._entry("categories", index, piece.value, _CATEGORY, _OF_CATEGORY)
        self._note_wrong("categories", index, category, _COUNTED)
        for name in ("image_count", "instance_count"):
            count = category.get(name)
            if type(count) is int and count < 0:
                words = f"category {category['id']} ({category.get('name')!r}) has a negative count: {name} is {count}"
                self._lack(f"categories.{name}", f"categories[{index}]: {words}")
        self.categories.append(category)

    def _image(self, index: int, piece: Piece) -> None:
        image = self._entry("images", index, piece.value, _IMAGE, _OF_IMAGE)
        for key in _LISTS:
            ids = image.get(key) or ()
            if any(type(value) is not int for value in ids):
                wrong = next(value for value in ids if type(value) is not int)
                raise self._malformed(
                    f"images[{index}]: {key} holds something else than category ids: {wrong!r:.40}{_identity(image)}"
                )
            self._append(self.lists[key], ids, f"images[{index}]: {key}", image)
            self.lengths[key].append(len(ids))
        names = {key: image[key] for key in _NAMES if image.get(key) is not None}
        if names:
            self._note_wrong("images", index, names, dict.fromkeys(names, (str,)), "name")
        else:
            self._lack("images.name", f"images[{index}] has neither 'coco_url' (v1) nor 'file_name' (v0.5)")
        self.names.append({key: name for key, name in names.items() if type(name) is str})
        numbers = image["id"], image["width"], image["height"], piece.start, piece.end
        self._append(self.images, numbers, f"images[{index}]: id, width or height", image)

    def _annotation(self, index: int, piece: Piece) -> None:
        annotation = self._entry("annotations", index, piece.value, _ANNOTATION, _OF_ANNOTATION)
        box, area = annotation["bbox"], annotation.get("area")
        if len(box) != 4 or any(type(value) not in _NUMBER for value in box):
            raise self._malformed(
                f"annotations[{index}]: bbox is {box!r:.60}, expected four numbers x, y, w, h{_identity(annotation)}"
            )
        numbers = annotation["id"], annotation["image_id"], annotation["category_id"], piece.start, piece.end
        self._append(self.annotations, numbers, f"annotations[{index}]: id, image_id or category_id", annotation)
        self._append(
            self.boxes, (*box, nan if area is None else area), f"annotations[{index}]: bbox or area", annotation
        )
        self.flags.extend((bool(annotation.get("ignore")), bool(annotation.get("iscrowd"))))
        self.segmentations.add(annotation.get("segmentation"))

    def _lack(self, field: str, words: str) -> None:
        count, first = self.lacks.get(field, (0, words))
        self.lacks[field] = count + 1, first

    def _note_wrong(
        self, section: str, index: int, entry: Mapping[str, Any], fields: Fields, name: str | None = None
    ) -> None:
        """Note what of `fields` an entry lacks, or has of another type. name: of the lack, if not the field's."""
        for field, types in fields.items():
            if type(entry.get(field)) not in types:
                self._lack(f"{section}.{name or field}", f"{section}[{index}]{_wrong(entry, field, types)}")

    def _append(self, column: array[Any], numbers: Collection[Any], where: str, entry: Mapping[str, Any]) -> None:
        try:
            column.extend(numbers)
        except OverflowError as error:
            largest = max(numbers, key=abs)
            raise self._malformed(
                f"{where} is a number that is too large: {largest!r:.40}{_identity(entry)}"
            ) from error

    def _entry(self, section: str, index: int, entry: Any, fields: Fields, others: Fields) -> dict[str, Any]:
        """`entry`, an object with `fields` of the given types, and `others` of theirs where it has them."""
        if type(entry) is not dict:
            raise self._malformed(f"{section}[{index}] is {_type(entry)}, expected an object")
        for field, types in fields.items():
            if type(entry.get(field)) not in types:
                raise self._malformed(f"{section}[{index}]{_wrong(entry, field, types)}")
        for field, types in others.items():
            if type(value := entry.get(field)) not in types:
                words = f"{section}[{index}]{_wrong(entry, field, types)}"
                if value is not None:
                    raise self._malformed(words)
                self._lack(f"{section}.{field}", words)
        return entry

    def _finish(self, digest: str) -> Index:
        for key in self.sections:
            if key not in self.found:
                raise self._malformed(f"{key!r} is missing")
        if not self.categories or not self.images:
            raise self._malformed(f"{'images' if self.categories else 'categories'!r} is empty")
        categories = sorted(self.categories, key=lambda category: int(category["id"]))
        for before, after in pairwise(categories):
            if before["id"] == after["id"]:
                names = f"{before.get('name')!r} and {after.get('name')!r}"
                raise self._malformed(f"category id {after['id']} occurs twice: {names}")
        for category in categories:
            frequency = category.get("frequency")
            if frequency is not None and frequency not in FREQUENCIES:
                raise self._malformed(f"category {category['id']}: frequency is {frequency!r}, not r, c or f")
        version = "v0.5" if any("file_name" in names for names in self.names) else "v1"
        facts = {"digest": digest, "version": version, "categories": categories, "lacks": self.lacks}
        return Index(facts, self._columns())

    def _columns(self) -> Columns:
        images = np.frombuffer(self.images, dtype=np.int64).reshape(-1, 5)
        annotations = np.frombuffer(self.annotations, dtype=np.int64).reshape(-1, 5)
        boxes = np.frombuffer(self.boxes, dtype=np.float64).reshape(-1, 5)
        flags = np.frombuffer(self.flags, dtype=bool).reshape(-1, 2)
        rows = _rows_of(annotations[:, 1], images[:, 0])
        sizes = images[rows, 1:3]
        by_image = np.argsort(rows, kind="stable")
        first = np.searchsorted(rows[by_image], np.arange(len(images) + 1))
        return {
            "image_id": images[:, 0],
            "image_size": images[:, 1:3],
            "image_span": images[:, 3:],
            "names": np.frombuffer(json.dumps(self.names).encode(), dtype=np.uint8),
            **{name: np.frombuffer(ids, dtype=np.int64) for name, ids in self.lists.items()},
            **{f"{name}_first": np.cumsum([0, *lengths]) for name, lengths in self.lengths.items()},
            "annotation_id": annotations[:, 0],
            "category_id": annotations[:, 2],
            "annotation_span": annotations[:, 3:],
            "image_row": rows.astype(np.int32),
            "bbox": boxes[:, :4],
            "area": boxes[:, 4],
            "ignore": flags[:, 0],
            "crowd": flags[:, 1],
            "mask_fault": self.segmentations.faults(sizes, rows >= 0),
            "usable": _usable(boxes, sizes) & (rows >= 0) & ~flags[:, 0],
            "by_image": by_image[first[0] :].astype(np.int32),
            "first": first - first[0],
        }

    def _malformed(self, message: str) -> UserError:
        return malformed(self.path, message)


def _wrong(entry: Mapping[str, Any], name: str, types: tuple[type, ...]) -> str:
    """In words that `entry` does not have a field of the exact types: JSON's true is no number, though Python's is."""
    if name not in entry:
        return f" has no {name!r}{_identity(entry)}"
    expected = " or ".join(kind.__name__ for kind in types)
    value = "" if entry[name] is None else f": {entry[name]!r:.40}"
    return f": {name!r} is {_type(entry[name])}, expected {expected}{value}{_identity(entry)}"


def _identity(entry: Mapping[str, Any]) -> str:
    """What an entry says of itself, so that it can be found."""
    known = [f"{name} {entry[name]!r:.80}" for name in ("id", "image_id", "name", "file_name") if name in entry]
    return f" ({', '.join(known)})" if known else ""


def _rows_of(wanted: NDArray[np.int64], ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where in `ids` each of `wanted` first occurs, -1 where it does not."""
    order = np.argsort(ids, kind="stable")
    place = np.searchsorted(ids, wanted, sorter=order).clip(max=len(ids) - 1)
    rows: NDArray[np.int64] = np.where(ids[order[place]] == wanted, order[place], -1)
    return rows


def _usable(boxes: NDArray[np.float64], sizes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """False for what mmdet too leaves out of training: under a pixel wide or high, without area, outside the image.
    (So does it with what is marked `ignore`.)"""
    x, y, width, height, area = boxes.T
    with np.errstate(invalid="ignore", over="ignore"):  # the file may hold NaN and infinity
        inside_x = np.minimum(x + width, sizes[:, 0]) > np.maximum(x, 0)
        inside_y = np.minimum(y + height, sizes[:, 1]) > np.maximum(y, 0)
    usable: NDArray[np.bool_] = inside_x & inside_y & (area > 0) & (width >= 1) & (height >= 1)
    return usable


def _type(value: object) -> str:
    return "null" if value is None else type(value).__name__


def unreadable(path: Path, error: OSError) -> UserError:
    return UserError(f"{path}: cannot be read: {error.strerror or error}", "Give the path of an LVIS JSON.")


def malformed(path: Path, message: str) -> UserError:
    remedy = (
        "Expected the form of https://www.lvisdataset.org/dataset. What COCO's form lacks of it, in all entries, is "
        "derived; what only some entries lack is not."
    )
    return UserError(f"{path}: not an LVIS annotation file: {message}", remedy)

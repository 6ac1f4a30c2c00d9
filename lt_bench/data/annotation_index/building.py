"""Making an index, in one pass over the annotation file that keeps only images' names and numbers."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Mapping
from math import nan
from pathlib import Path
from typing import Any

from lt_bench.data.annotation_index import entries
from lt_bench.data.annotation_index.digest import HashedStream
from lt_bench.data.annotation_index.entries import (
    COUNTED,
    EXHAUSTIVE,
    LISTS,
    NAMES,
    NUMBER,
    identity,
    malformed,
    type_name,
    unreadable,
)
from lt_bench.data.annotation_index.faults import Faults
from lt_bench.data.annotation_index.gathered import Annotations, Images, columns
from lt_bench.data.annotation_index.index import Index
from lt_bench.data.annotation_index.whole import category_faults, is_exhaustive
from lt_bench.data.json_stream import JSONStream, Piece
from lt_bench.errors import UserError

_NO_JSON = "The file may be cut off or still packed: download or unpack it again."


def build(path: Path, name: Path | None = None) -> Index:
    """Index an annotation file in the form of LVIS v1 or v0.5, in UTF-8. name: what messages call it.

    Raises UserError when it is missing, cut off, no JSON or not of that form. Whether its content is consistent is
    the concern of lt_bench.data.verify.
    """
    try:
        with path.open("rb", buffering=0) as stream:
            return _Builder(name or path).build(HashedStream(stream))
    except OSError as error:
        raise unreadable(name or path, error) from error
    except UnicodeDecodeError as error:
        message = f"{name or path}: not in UTF-8: {error.object[error.start :][:1]!r} after {_before(error)!r}"
        raise UserError(message, "Save it as UTF-8; other editors call it Unicode.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{name or path}: not JSON ({path.stat().st_size} bytes): {error}", _NO_JSON) from error


def _before(error: UnicodeDecodeError) -> str:
    return error.object[max(0, error.start - 40) : error.start].decode("ascii", "replace")


class _Builder:
    """Goes through an annotation file once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sections = {"categories": self._category, "images": self._image, "annotations": self._annotation}
        self.found: set[str] = set()
        self.faults = Faults()
        self.exhaustive: Any = None

    def build(self, content: HashedStream) -> Index:
        stream = JSONStream(content)
        if stream.peek() not in ("{", ""):
            raise self._malformed(f"the top level is {type_name(stream.value().value)}, expected an object")
        for key in stream.members():
            if key not in self.sections:
                other = stream.value().value
                self.exhaustive = other if key == EXHAUSTIVE else self.exhaustive
                continue
            if stream.peek() != "[":
                self._begin(key)
                self.faults.add(key, f"{key!r} is {type_name(stream.value().value)}, expected a list")
                continue
            self._begin(key)
            take = self.sections[key]
            for index, piece in enumerate(stream.elements()):
                take(index, piece)
        stream.end()
        return self._finish(content.sha256.hexdigest())

    def _begin(self, key: str) -> None:
        """Of a key that occurs twice the last one counts, as in every JSON reader."""
        self.found.add(key)
        self.faults.forget(key)
        if key == "categories":
            self.categories: list[dict[str, Any]] = []
        elif key == "images":
            self.images = Images()
        else:
            self.annotations = Annotations()

    def _category(self, index: int, piece: Piece) -> None:
        category = piece.value
        if not self.faults.is_sound("categories", index, category, entries.CATEGORY, entries.OF_CATEGORY):
            return
        self.faults.note_lacks("categories", index, category, COUNTED)
        for name in ("image_count", "instance_count"):
            count = category.get(name)
            if type(count) is int and count < 0:
                words = f"category {category['id']} ({category.get('name')!r}) has a negative count: {name} is {count}"
                self.faults.lack(f"categories.{name}", f"categories[{index}]: {words}")
        self.categories.append(category)

    def _image(self, index: int, piece: Piece) -> None:
        image = piece.value
        if not self.faults.is_sound("images", index, image, entries.IMAGE, entries.OF_IMAGE):
            return
        for key in LISTS:
            ids = image.get(key) or ()
            if any(type(value) is not int for value in ids):
                other = next(value for value in ids if type(value) is not int)
                words = f"{key} holds something else than category ids: {other!r:.40}{identity(image)}"
                self.faults.add(f"images.{key}", f"images[{index}]: {words}")
                continue
            self._append(self.images.lists[key], ids, f"images[{index}]: {key}", image)
            self.images.lengths[key].append(len(ids))
        names = {key: image[key] for key in NAMES if image.get(key) is not None}
        if names:
            self.faults.note_lacks("images", index, names, dict.fromkeys(names, (str,)), "name")
        else:
            self.faults.lack("images.name", f"images[{index}] has neither 'coco_url' (v1) nor 'file_name' (v0.5)")
        self.images.names.append({key: name for key, name in names.items() if type(name) is str})
        numbers = image["id"], image["width"], image["height"], piece.start, piece.end
        self._append(self.images.numbers, numbers, f"images[{index}]: id, width or height", image)

    def _annotation(self, index: int, piece: Piece) -> None:
        annotation, where = piece.value, f"annotations[{index}]"
        sound = self.faults.is_sound("annotations", index, annotation, entries.ANNOTATION, entries.OF_ANNOTATION)
        box = annotation.get("bbox") if type(annotation) is dict else None
        if type(box) is list and (len(box) != 4 or any(type(value) not in NUMBER for value in box)):
            words = f"bbox is {box!r:.60}, expected four numbers x, y, w, h{identity(annotation)}"
            self.faults.add("annotations.bbox", f"{where}: {words}")
            return
        if not sound:
            return
        box, area = annotation["bbox"], annotation.get("area")
        kept = self.annotations
        numbers = annotation["id"], annotation["image_id"], annotation["category_id"], piece.start, piece.end
        self._append(kept.numbers, numbers, f"{where}: id, image_id or category_id", annotation)
        self._append(kept.boxes, (*box, nan if area is None else area), f"{where}: bbox or area", annotation)
        kept.flags.extend((bool(annotation.get("ignore")), bool(annotation.get("iscrowd"))))
        kept.segmentations.add(annotation.get("segmentation"))

    def _append(self, column: array[Any], numbers: Collection[Any], where: str, entry: Mapping[str, Any]) -> None:
        try:
            column.extend(numbers)
        except OverflowError:
            largest = max(numbers, key=abs)
            words = f"{where} is a number that is too large: {largest!r:.40}{identity(entry)}"
            self.faults.add(where.partition("[")[0] + ".", words)

    def _finish(self, digest: str) -> Index:
        """Raises UserError for a file with faults: what was kept of it is not whole then."""
        for key in self.sections:
            if key not in self.found:
                self.faults.add(key, f"{key!r} is missing")
        self._refuse_faults()
        if not self.categories or not self.images.numbers:
            raise self._malformed(f"{'images' if self.categories else 'categories'!r} is empty")
        categories = sorted(self.categories, key=lambda category: int(category["id"]))
        for where, words in category_faults(categories):
            self.faults.add(where, words)
        self._refuse_faults()
        exhaustive = is_exhaustive(self.path, self.exhaustive, self.images)
        if exhaustive:
            self.faults.lacks.pop(f"images.{LISTS[0]}", None)
        facts = {
            "digest": digest,
            "categories": categories,
            "exhaustive": exhaustive,
            "lacks": self.faults.lacks,
        }
        return Index(facts, columns(self.images, self.annotations))

    def _refuse_faults(self) -> None:
        if words := list(self.faults.words()):
            raise malformed(self.path, *words)

    def _malformed(self, message: str) -> UserError:
        return malformed(self.path, message)

"""Which image and which category of the annotations a detection is of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lt_bench.evaluation.inputs.forms import Place, is_digits
from lt_bench.evaluation.inputs.ground_truth import GroundTruth
from lt_bench.evaluation.inputs.reading import Categories, Images, Reading
from lt_bench.evaluation.inputs.values import Problem, problem_of_number

NO_FILE = "image_id is the text '{}', which no file of the annotations is named; it must be a number"
REMEMBERED = 1 << 20  # different ids that are looked at for what is behind unknown ones


class OtherReading(Exception):
    """All image ids are right if they are read in this way."""

    def __init__(self, reading: Reading) -> None:
        super().__init__()
        self.reading = reading


class Ids:
    """Finds image and category of one detection after the other, and keeps what it takes to say what went wrong."""

    def __init__(self, truth: GroundTruth, reading: Reading) -> None:
        self._reading = reading
        self._images, self._categories = Images(truth), Categories(truth)
        self._category_of = self._categories.read_as(reading.category_ids)
        self._seen_images: set[int] = set()
        self._seen_categories: set[int] = set()
        self._other_images = False  # than those that are integers
        self._by_name = self._renamed = 0
        self._without_place = False

    def resolve(self, detection: Mapping[str, Any]) -> tuple[int, int, list[Problem]]:
        """Image id, category id, and what is wrong, in which case the ids mean nothing."""
        image = self._image(detection)
        category = self._category(detection)
        wrong = [problem for problem in (image, category) if isinstance(problem, tuple)]
        return (0, 0, wrong) if wrong else (image, category, [])  # type: ignore[return-value]

    def _image(self, detection: Mapping[str, Any]) -> int | Problem:
        value, way = _whole(detection["image_id"]), self._reading.image_ids
        if way == "from-0":
            return self._at(value)
        file_name = detection.get("file_name")
        named = self._images.named(file_name) if isinstance(file_name, str) else None
        if named is not None:
            self._renamed += named != value
            return named
        if type(value) is Place:
            self._without_place = True
            return "image_id missing; the place of an image among others does not tell which one it is", int(value)
        if way == "file-names":
            return self._named(value)
        if type(value) is int:
            if len(self._seen_images) < REMEMBERED:
                self._seen_images.add(value)
            return value if value in self._images.ids else ("unknown image id", value)
        self._other_images = True
        if isinstance(value, str) and not is_digits(value):
            found = self._images.named(value)
            self._by_name += found is not None
            return (NO_FILE, value) if found is None else found
        return problem_of_number("image_id", value, whole=True)

    def _at(self, value: Any) -> int | Problem:
        if type(value) not in (int, Place):
            return problem_of_number("image_id", value, whole=True)
        found = self._images.at(int(value))
        return ("no image has this place", int(value)) if found is None else found

    def _named(self, value: Any) -> int | Problem:
        """By the name of its file, or the number that this is."""
        found = self._images.named(value) if isinstance(value, str) else None
        number = int(value) if isinstance(value, str) and is_digits(value) else value
        if found is None and type(number) is int:
            found = self._images.by_number.get(number)
        self._by_name += found is not None
        return ("no image's file has this name", value) if found is None else found

    def _category(self, detection: Mapping[str, Any]) -> int | Problem:
        value = _whole(detection["category_id"])
        if type(value) is not int:
            return problem_of_number("category_id", value, whole=True)
        if len(self._seen_categories) < REMEMBERED:
            self._seen_categories.add(value)
        category = self._category_of.get(value)
        if category is None:
            return "unknown category id", value
        given, name = detection.get("category_name"), self._categories.names.get(category)
        if isinstance(given, str) and isinstance(name, str) and given != name:
            return (
                "category_name is another than the annotations have for the category_id: {}",
                f"'{given}' for {value}, which is '{name}'",
            )
        return category

    def refuse_if_otherwise(self) -> None:
        """Raises OtherReading where image ids are unknown, but all are numbers that the images' files are named by."""
        if self._reading.image_ids != "annotations" or self._other_images or self._seen_images <= self._images.ids:
            return
        if self._seen_images <= self._images.by_number.keys():
            raise OtherReading(Reading("file-names", self._reading.category_ids))

    def hints(self) -> Iterator[str]:
        """What is behind unknown ids, as far as it shows, and what to do about it."""
        if self._reading.category_ids == "annotations":
            yield from self._hint_of_categories()
        if self._reading.image_ids == "annotations":
            yield from self._hint_of_images()

    def _hint_of_categories(self) -> Iterator[str]:
        ids, seen = self._categories.ids, self._seen_categories
        if not seen or seen <= set(ids):
            return
        low, high, classes = min(seen), max(seen), len(ids)
        sure = "are" if 2 * len(seen) >= classes else "may be"
        found = f"The category ids run from {low} to {high}, those of the annotations from {ids[0]} to {ids[-1]}"
        for first in (0, 1):
            if first <= low and high < classes + first and (first in seen or first == 1):
                shift = ids[0] - first
                shifted = f", here category_id {shift:+d}" if ids == tuple(range(ids[0], ids[0] + classes)) else ""
                yield (
                    f"{found}: they {sure} the places of the {classes} categories, counted from {first}. If so, write "
                    f"the annotations' ids{shifted}, or give --category-ids from-{first}."
                )
                return
        yield (
            f"The annotations list {classes} categories. Of a model that was trained on more, leave the others out, or "
            "name its training annotations with --train-annotations: annotations in COCO's form get its categories."
        )

    def _hint_of_images(self) -> Iterator[str]:
        count, seen = len(self._images.ids), self._seen_images
        if self._without_place:
            yield (
                "Write an image_id beside the boxes of each image. If they stand in the order of the annotation file's "
                "images, all of them, give --image-ids from-0."
            )
        elif seen and not seen <= self._images.ids:
            if 0 in seen and min(seen) == 0 and max(seen) < count:
                yield (
                    f"The image ids run from 0 to {max(seen)}, and there are {count} images: they look like places "
                    "(torchmetrics' tm_to_coco writes those). If they are places in the annotation file, give "
                    "--image-ids from-0."
                )
            elif seen.isdisjoint(self._images.ids):
                yield "None of the image ids is one of the annotations': are these the annotations of another split?"

    def notes(self) -> list[str]:
        """How images and categories were found, if not by the annotations' ids, and where that may be wrong."""
        found = []
        if self._by_name:
            found.append(f"the image of {self._by_name:,} detections was found by the name of its file")
        if self._renamed:
            found.append(
                f"the file_name of {self._renamed:,} detections is that of another image than their image_id: "
                "file_name was believed"
            )
        if self._reading.image_ids == "from-0":
            found.append("image ids were read as places in the annotation file, counted from 0")
            if self._images.in_file_order != sorted(self._images.in_file_order):
                found.append("the annotation file's images are not in the order of their ids, which many loaders take")
        if self._reading.category_ids != "annotations":
            start = self._reading.category_ids.removeprefix("from-")
            found.append(
                f"category ids were read as places among the categories by id, counted from {start}; what counts "
                "in the order of the file, as mmdet does, fits only where that is the same"
            )
        return found + self._doubt()

    def _doubt(self) -> list[str]:
        """Whether ids that are all known are all numbers of file names as well, and of other images."""
        seen = self._seen_images
        if self._reading.image_ids != "annotations" or not seen or not seen <= self._images.by_number.keys():
            return []
        other = next((number for number in sorted(seen) if self._images.by_number[number] != number), None)
        if other is None:
            return []
        names = self._images.file_name
        return [
            f"image_id {other} was read as the id of {names.get(other)!r}, but it is the number in the name of "
            f"{names[self._images.by_number[other]]!r}, which is what ultralytics writes: if these are such, give "
            "--image-ids file-names"
        ]


def _whole(value: Any) -> Any:
    """An integer that was written with a decimal point, as one."""
    return int(value) if type(value) is float and value.is_integer() and abs(value) < 1 << 53 else value

"""How the ids of predictions are to be read: as the annotations' own, or as what other programs write instead."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, Literal, get_args

from lt_bench.evaluation.inputs.forms import is_digits
from lt_bench.evaluation.inputs.ground_truth import GroundTruth

ImageIds = Literal["annotations", "file-names", "from-0"]
CategoryIds = Literal["annotations", "from-0", "from-1"]
IMAGE_IDS: tuple[ImageIds, ...] = get_args(ImageIds)
CATEGORY_IDS: tuple[CategoryIds, ...] = get_args(CategoryIds)


@dataclass(frozen=True)
class Reading:
    """image_ids: "annotations", the ids there; "file-names", the name of the image's file, with or without its ending,
    or the number that it is; "from-0", the image's place in the annotation file.
    category_ids: "annotations"; "from-0" and "from-1", the place among the categories, ids ascending.
    """

    image_ids: ImageIds = "annotations"
    category_ids: CategoryIds = "annotations"


AS_ANNOTATED = Reading()


class Images:
    """The images of the annotations by everything that predictions may call them: id, name, number, place."""

    def __init__(self, truth: GroundTruth) -> None:
        self._truth = truth
        self.ids = frozenset(truth.image_ids.tolist())
        self.in_file_order: list[int] = truth.file.image_ids

    @cached_property
    def file_name(self) -> dict[int, str]:
        """The name of each image's file, without folders; an image without a name has none."""
        paths = (names.get("file_name") or names.get("coco_url") or "" for names in self._truth.file.image_names())
        names = [PurePosixPath(path.replace("\\", "/")).name for path in paths]
        return {image: name for image, name in zip(self.in_file_order, names, strict=True) if name}

    @cached_property
    def by_name(self) -> dict[str, int]:
        """Image ids by file name and by its stem, where only one image has it."""
        return _unique((key, image) for image, name in self.file_name.items() for key in {name, _stem(name)})

    @cached_property
    def by_number(self) -> dict[int, int]:
        """Image ids by the number that the file's stem is, where only one image has it."""
        stems = ((_stem(name), image) for image, name in self.file_name.items())
        return _unique((int(stem), image) for stem, image in stems if is_digits(stem))

    def named(self, name: str) -> int | None:
        """The image whose file has this name, whatever folder stands before it."""
        return self.by_name.get(PurePosixPath(name.replace("\\", "/")).name)

    def at(self, place: int) -> int | None:
        return self.in_file_order[place] if 0 <= place < len(self.in_file_order) else None


class Categories:
    """The categories of the annotations by id, or by place among them."""

    def __init__(self, truth: GroundTruth) -> None:
        self.ids = truth.category_ids
        self.names = {category["id"]: category.get("name") for category in truth.file.categories}
        self.by_id = {category: category for category in self.ids}

    def read_as(self, kind: CategoryIds) -> dict[int, int]:
        """Category ids by what predictions call them."""
        return self.by_id if kind == "annotations" else dict(enumerate(self.ids, start=int(kind == "from-1")))


def _stem(name: str) -> str:
    return PurePosixPath(name).stem


def _unique(pairs: Any) -> dict[Any, int]:
    found: dict[Any, int] = {}
    twice = set()
    for key, image in pairs:
        if found.setdefault(key, image) != image:
            twice.add(key)
    return {key: image for key, image in found.items() if key not in twice}

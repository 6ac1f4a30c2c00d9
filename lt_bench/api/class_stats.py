"""How often each class occurs in the training set."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lt_bench.errors import UserError

if TYPE_CHECKING:
    from lt_bench.data.lvis import LVISFile


@dataclass(frozen=True)
class ClassStats:
    """How often each class occurs in the training set, in label order (category ids ascending).

    A class without a training instance counts as one instance in one image (`instances`, `images`), because every
    loss divides by its counts; a warning says how many such classes there are.

    Args:
        image_count: number of training images that show the class, length C.
        instance_count: number of training instances of the class, length C.
        num_images: number of training images.
        names: class names, length C, or empty.

    Raises:
        ValueError: the lengths differ, a count is negative or no class is given.
    """

    image_count: Sequence[int]
    instance_count: Sequence[int]
    num_images: int
    names: Sequence[str] = field(default=())

    def __post_init__(self) -> None:
        for attribute in ("image_count", "instance_count"):
            counts = tuple(int(count) for count in getattr(self, attribute))
            if any(count < 0 for count in counts):
                raise ValueError(f"ClassStats: {attribute} has a negative count: {min(counts)}")
            object.__setattr__(self, attribute, counts)
        object.__setattr__(self, "names", tuple(str(name) for name in self.names))
        if not self.image_count:
            raise ValueError("ClassStats: there is no class: image_count is empty")
        if len(self.instance_count) != len(self.image_count):
            raise ValueError(
                f"ClassStats: image_count has {len(self.image_count)} classes, "
                f"instance_count has {len(self.instance_count)}"
            )
        if self.names and len(self.names) != len(self.image_count):
            raise ValueError(f"ClassStats: {len(self.names)} names for {len(self.image_count)} classes")
        if self.num_images < 1:
            raise ValueError(f"ClassStats: num_images is {self.num_images}, expected at least 1")
        empty = sum(count == 0 for count in self.instance_count)
        if empty:
            warnings.warn(
                f"{empty} of {self.num_classes} classes have no training instance; each counts as one instance",
                stacklevel=3,
            )

    @property
    def num_classes(self) -> int:
        return len(self.image_count)

    def instances(self) -> Tensor:
        """Instance counts, at least 1: float64 [C]."""
        return torch.tensor(self.instance_count, dtype=torch.float64).clamp(min=1)

    def images(self) -> Tensor:
        """Image counts, at least 1: float64 [C]."""
        return torch.tensor(self.image_count, dtype=torch.float64).clamp(min=1)

    @classmethod
    def from_lvis(cls, path: str | Path) -> ClassStats:
        """Read the counts from the `categories` of an LVIS training JSON.

        Args:
            path: The annotation file. Its index is kept in the cache, so that it is parsed once.

        Returns:
            The counts that the file states.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file is no LVIS JSON.
        """
        from lt_bench.data.cache import cache_folder
        from lt_bench.data.lvis import load

        try:
            return cls.from_file(load(Path(path), cache_folder(), masks=False))
        except UserError as error:
            if isinstance(error.__cause__, OSError):
                raise error.__cause__ from None
            raise ValueError(error.message) from error

    @classmethod
    def from_file(cls, file: LVISFile) -> ClassStats:
        """Take the counts from an annotation file that is loaded already.

        Args:
            file: What `lt_bench.data.lvis.load` returns.

        Returns:
            The counts that the file states.
        """
        return cls.from_categories({"categories": file.categories, "images": file.images}, str(file.path))

    @classmethod
    def from_categories(cls, data: Mapping[str, Any], source: str = "annotations") -> ClassStats:
        """Take the counts from an LVIS JSON that is already parsed.

        Args:
            data: its `categories` and `images`.
            source: what error messages call it.

        Returns:
            The counts that `data` states.

        Raises:
            ValueError: something is missing.
        """
        try:
            categories = sorted(data["categories"], key=lambda category: category["id"])
            return cls(
                image_count=[category["image_count"] for category in categories],
                instance_count=[category["instance_count"] for category in categories],
                num_images=len(data["images"]),
                names=[category["name"] for category in categories],
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"{source}: not an LVIS JSON: missing {error}") from error

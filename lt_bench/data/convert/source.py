"""What a form gives of one split of a data set: the seam between a form and the conversion, which knows no form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lt_bench.data.image_files import Split

Entry = dict[str, Any]
LISTS = ("neg_category_ids", "not_exhaustive_category_ids")


@dataclass(frozen=True)
class Source:
    """One split. Its entries are those of LVIS's form, as far as the form has them; fields of its own are kept.

    split: "train" or "val". name: what the report calls it. files: where it is from, to the SHA-256 of each.

    categories: id and name, and whatever else there is. Where all have `frequency`, or all have `image_count` and
    `instance_count`, these may be kept.
    images, annotations: begin anew at each call, give one entry after the other, and the same ones each time. An image
    has id, width, height, and file_name or coco_url as lt_bench.data.image_files takes them. An annotation has id,
    image_id, category_id and bbox; `iscrowd` marks a region with several objects; segmentation and area may be missing.
    exhaustive: every class that an image does not show is absent from it. Otherwise the image's own `neg_category_ids`
    say what is, and the others are unknown. `not_exhaustive_category_ids` are kept either way.
    masks: whether annotations have masks at all, where the form tells that without reading them; False: boxes alone.
    finish: adds to an annotation what is costly to make, such as its mask: called once for each that is written.
    assumed: what the form's reader took for granted, in words for the report, which is written last.
    """

    split: Split
    name: str
    files: dict[Path, str]
    categories: Sequence[Entry]
    images: Callable[[], Iterator[Entry]]
    annotations: Callable[[], Iterator[Entry]]
    exhaustive: bool
    masks: bool = True
    finish: Callable[[Entry], None] = field(default=lambda annotation: None)
    assumed: Sequence[str] = field(default=())

"""What an index holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lt_bench.data.columns import Columns


@dataclass(frozen=True)
class Index:
    """facts: "digest" (SHA-256 of the annotation file), "categories", sorted by id, "exhaustive" (whether
    the file says so instead of listing what is absent from each image), and "lacks", what the file lacks of LVIS's form
    though it can be read: by field ("images.neg_category_ids", "images.name" for the name of the file, ...) the number
    of entries without it, or with null, and the first one in words. columns, for I images and A annotations in the
    file's order:

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

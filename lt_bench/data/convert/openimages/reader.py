"""Open Images' files as sources: one for each split."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from lt_bench.data.annotation_index.digest import digest_of
from lt_bench.data.cache import cache_folder
from lt_bench.data.convert.openimages import mask_pixels, notes
from lt_bench.data.convert.openimages.boxes import Box, read_boxes
from lt_bench.data.convert.openimages.classes import Classes, read_classes
from lt_bench.data.convert.openimages.files import Files, SplitFiles, find
from lt_bench.data.convert.openimages.picture_files import MaskFiles, images_digest, images_root
from lt_bench.data.convert.openimages.survey import Survey, survey
from lt_bench.data.convert.shapes import box_polygon
from lt_bench.data.convert.source import Entry, Source
from lt_bench.data.image_files import Split

SAID_EVERY = 100_000  # masks, after which it is said how many are done
DECIMALS = 4  # of a coordinate in pixels
_MASK = "_mask"  # holds the row of a mask until `finish`

logger = logging.getLogger(__name__)


def sources(given: Sequence[str], images: Path | None = None) -> list[Source]:
    """given: see lt_bench.data.convert.openimages.files.find. images: the folder of the images, None to look beside.
    Raises UserError for what is not there or can't be read; the tables are read later, by the sources."""
    files = find(given)
    classes = read_classes(files.classes, files.hierarchy, files.listed)
    root = images_root([own.named for own in files.splits.values()], images)
    return [_source(split, files, classes, root) for split in files.splits]


def image_folder(sources: Sequence[Source]) -> Path | None:
    """Where the images are: the only folder among the files of a source that has images."""
    return next((path for source in sources for path in source.files if path.is_dir()), None)


def _source(split: Split, files: Files, classes: Classes, root: Path) -> Source:
    reader = Reader(split, files.splits[split], classes, root)
    inputs = {
        path: digest_of(path, cache_folder(), rehash=False) for path in (*files.splits[split].all(), *files.shared())
    }
    inputs[root] = images_digest(root, split)
    if reader.mask_files is not None:
        inputs[root / f"masks of {split}"] = reader.mask_files.digest()
    return Source(
        split=split,
        name=files.splits[split].named.name,
        files=inputs,
        categories=classes.entries(),
        images=reader.images,
        annotations=reader.annotations,
        exhaustive=False,
        masks=reader.mask_files is not None,
        finish=reader.finish,
        assumed=notes.Notes(files, classes, reader.counted),
    )


class Reader:
    """The images and annotations of a split. The tables are read when the first image is asked for, and those of boxes
    again each time that the annotations are."""

    def __init__(self, split: Split, files: SplitFiles, classes: Classes, root: Path) -> None:
        self.split, self.files, self.classes, self.root = split, files, classes, root
        self.mask_files = MaskFiles(files.masks, root, split) if files.masks else None
        self.counted: Counter[str] = Counter()
        self._decoded = 0
        self._last: tuple[int, dict[str, Any] | None, int] = (-1, None, 0)

    @cached_property
    def survey(self) -> Survey:
        logger.info(f"{self.split}: reading {', '.join(path.name for path in self.files.all())}, once for these files")
        found = survey(self.split, self.files, self.root, self.classes)
        if found.masks is not None and self.mask_files is not None:
            self.mask_files.refuse_missing(found.masks.named(row)[0] for row in range(len(found.masks)))
        self.counted.update(found.counted)
        self.counted[notes.TURNED] = int((found.sizes[:, 2] != 1).sum())
        return found

    def images(self) -> Iterator[Entry]:
        own = self.survey
        lists = zip(own.by_image(own.absent), own.by_image(own.unboxed), strict=True)
        for row, (absent, unboxed) in enumerate(lists):
            width, height, _ = own.sizes[row].tolist()
            yield {
                "id": row + 1,
                "width": width,
                "height": height,
                "file_name": own.names[row],
                "open_images_id": own.ids[row],
                "neg_category_ids": absent,
                "not_exhaustive_category_ids": unboxed,
            }

    def annotations(self) -> Iterator[Entry]:
        number = objects = 0
        for entry, place in self._objects():
            objects += 1
            number += 1
            yield {"id": number, **entry, "category_id": place + 1}
            for above in self.classes.above[place]:
                number += 1
                yield {"id": number, **entry, "category_id": above + 1, "expanded_from": place + 1}
        self.counted[notes.EXPANDED] = number - objects

    def finish(self, annotation: Entry) -> None:
        """Its mask, and the area of that; where that can't be used, its box as a polygon."""
        row = annotation.pop(_MASK, None)
        if row is None:
            return
        if row != self._last[0]:
            self._last = (row, *self._mask(row, annotation))
        _, segmentation, area = self._last
        if segmentation is None:
            annotation["segmentation"] = box_polygon(annotation["bbox"])
        else:
            annotation.update(segmentation=segmentation, area=area)

    def _objects(self) -> Iterator[tuple[Entry, int]]:
        """Each object once, with its own class."""
        own, masks = self.survey, self.survey.masks
        taken, self.counted[notes.MASKLESS] = bytearray(len(masks or ())), 0
        for row in read_boxes(self.files.boxes, self.classes.place, Counter()):
            image = own.row_of.get(row.image)
            if image is None:
                continue
            entry = self._entry(image, row.box, row.is_group) | row.flags
            if masks is not None:
                mask = masks.find(row.image, row.place, row.box, taken)
                if mask is not None:
                    entry |= {"box_id": masks.named(mask)[1], _MASK: mask}
                else:
                    self.counted[notes.MASKLESS] += not row.is_group
                    entry |= {"ignore": 1, "segmentation": box_polygon(entry["bbox"])}
            yield entry, row.place
        if masks is not None:
            self.counted[notes.BOXLESS] = 0
            for mask, image_id, place, box in masks.untaken(taken):
                self.counted[notes.BOXLESS] += 1
                entry = self._entry(own.row_of[image_id], box, is_group=False)
                yield entry | {"box_id": masks.named(mask)[1], _MASK: mask}, place

    def _entry(self, image: int, box: Box, is_group: bool) -> Entry:
        width, height, orientation = self.survey.sizes[image].tolist()
        left, top, right, bottom = mask_pixels.turned_box(box, orientation)
        bbox = [left * width, top * height, (right - left) * width, (bottom - top) * height]
        return {
            "image_id": image + 1,
            "bbox": [round(value, DECIMALS) for value in bbox],
            "area": round(bbox[2] * bbox[3], DECIMALS),
            "iscrowd": int(is_group),
        }

    def _mask(self, row: int, annotation: Entry) -> tuple[dict[str, Any] | None, int]:
        """Run lengths and pixels of a mask; None for one without a pixel, or of another shape than its image."""
        assert self.survey.masks is not None and self.mask_files is not None
        self._decoded += 1
        if self._decoded % SAID_EVERY == 0:
            logger.info(f"{self.split}: {self._decoded:,} of {len(self.survey.masks):,} masks")
        width, height, orientation = self.survey.sizes[annotation["image_id"] - 1].tolist()
        pixels = mask_pixels.read_mask(self.mask_files.find(self.survey.masks.named(row)[0]))
        pixels = mask_pixels.turned(pixels, orientation)
        if not pixels.any():
            self.counted[notes.EMPTY] += 1
            return None, 0
        if not mask_pixels.fits(pixels, height, width):
            self.counted[notes.OTHER_SHAPE] += 1
            return None, 0
        pixels = mask_pixels.resized(pixels, height, width)
        return mask_pixels.run_lengths(pixels), int(pixels.sum())

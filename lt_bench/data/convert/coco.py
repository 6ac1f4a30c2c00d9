"""Reading COCO's form (Lin et al., ECCV 2014): categories, images and annotations in one JSON for each split.

Files that have parts of LVIS's form beside it are read as well: what they say is kept. The file is read through the
index of lt_bench.data.annotation_index, so that it may be larger than memory, packed by gzip, or in UTF-16.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from lt_bench.data.cache import cache_folder
from lt_bench.data.convert.source import LISTS, Entry, Source
from lt_bench.data.image_files import Split
from lt_bench.data.lvis import FOR_TRAINING, LVISFile, Records, read
from lt_bench.errors import UserError
from lt_bench.utils.every import of_every

BATCH = 1 << 9  # entries that are read at once
NEGATIVE = f"images.{LISTS[0]}"
# What COCO's form lacks of LVIS's, by the names in LVISFile.lacks.
DERIVED = {
    **dict.fromkeys(("categories.frequency", "categories.image_count", "categories.instance_count"), "categories"),
    **dict.fromkeys((f"images.{name}" for name in LISTS), "images"),
}


def sources(paths: Mapping[Split, Path]) -> list[Source]:
    """The splits of a data set, from their files. Raises UserError as lt_bench.data.lvis.read does, for names that are
    missing, and for lists that only some images have: then nothing says what is true of the others."""
    files = dict(zip(paths, of_every(lambda path: read(path, cache_folder()), paths.values()), strict=True))
    refuse_nameless(files)
    return sources_of(files)


def refuse_nameless(files: Mapping[Split, LVISFile]) -> None:
    """Raises UserError for what training needs and nothing can be derived from: names of classes and of images."""
    asked = [field for field in FOR_TRAINING if field not in DERIVED]
    of_every(lambda file: file.refuse_lacks([field for field in asked if field in file.lacks]), files.values())


def sources_of(files: Mapping[Split, LVISFile]) -> list[Source]:
    """`sources` of files that are open.

    Annotations are exhaustive, as COCO's are, where the file says so and where no image lists absent classes, whether
    the lists are missing or all empty; the latter only if they are in all splits, for there are federated sets whose
    training images have none.
    """
    for file in files.values():
        _refuse_partial_lists(file)
    federated = any(len(file.columns[LISTS[0]]) for file in files.values())
    if federated:
        _refuse_silence(files.values())
    return [_source(file, split, federated) for split, file in files.items()]


def _source(file: LVISFile, split: Split, federated: bool) -> Source:
    has_lists = NEGATIVE not in file.lacks and not file.exhaustive
    assumed = []
    if has_lists and not federated:
        assumed.append(
            f"negatives: {LISTS[0]} is empty in every image, though federated annotations say what is absent"
        )
    return Source(
        split=split,
        name=file.path.name,
        files={file.path: file.digest},
        categories=file.categories,
        images=partial(_entries, file.images),
        annotations=partial(_entries, file.annotations),
        exhaustive=not (has_lists and federated),
        assumed=assumed,
    )


def _refuse_silence(files: Collection[LVISFile]) -> None:
    """Of a federated data set, whose other file says what is absent, every file must."""
    speaking = next(file for file in files if len(file.columns[LISTS[0]]))
    for file in files:
        if NEGATIVE in file.lacks and not file.exhaustive:
            raise UserError(
                f"{speaking.path} lists absent classes ({LISTS[0]}), and {file.path} has no such lists: nothing says "
                "what is absent from its images",
                "give both files the lists, or neither if the annotations are exhaustive",
            )


def _refuse_partial_lists(file: LVISFile) -> None:
    for name in LISTS:
        lacking, first = file.lacks.get(f"images.{name}", (0, ""))
        if 0 < lacking < len(file.images):
            raise UserError(
                f"{file.path}: {lacking} of {len(file.images)} images have no {name}, and the others do: {first}",
                "give all images the list, or none of them if the annotations are exhaustive",
            )


def lacking(file: LVISFile) -> list[str]:
    """What a file lacks of LVIS's form altogether, as COCO's files do, and can be derived: keys of DERIVED.

    What only some entries lack is a fault of the file, and stays one.
    """
    entries = {"categories": file.categories, "images": file.images}
    return [name for name, section in DERIVED.items() if file.lacks.get(name, (0, ""))[0] == len(entries[section])]


def _entries(records: Records) -> Iterator[Entry]:
    for begin in range(0, len(records), BATCH):
        yield from records.at(np.arange(begin, min(begin + BATCH, len(records))))

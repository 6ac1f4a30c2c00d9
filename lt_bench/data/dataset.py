"""Where a run's images and annotations come from: LVIS if it is there, else the embedded data set."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lt_bench.data.cache import cache_folder
from lt_bench.errors import DataNotFoundError, UserError
from lt_bench.utils.files import write_atomic
from lt_bench.utils.terminal import progress, shown

if TYPE_CHECKING:
    from lt_bench.data.lvis import DataPaths, LVISFile

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Dataset:
    """A data set, found and read. val: the validation annotations; train: those of the training set."""

    paths: DataPaths
    train: LVISFile
    val: LVISFile

    def digests(self) -> dict[str, str]:
        """Annotation file (resolved path) to the SHA-256 of its content."""
        return {str(file.path.resolve()): file.digest for file in (self.train, self.val)}


def default(data_root: Path | None) -> str:
    """The data set of a run that names none: LVIS v1 if it can be found, and otherwise, said aloud, `glyphs`.

    Raises DataNotFoundError when it is not in a data_root that was given.
    """
    from lt_bench.data import lvis

    try:
        return lvis.find("lvis_v1", data_root).dataset
    except DataNotFoundError as error:
        if data_root is not None:
            raise
        logger.info("LVIS was not found; glyphs, the embedded data set, runs instead (-v: where it was looked for)")
        logger.debug("%s", error)
        return "glyphs"


def find(dataset: str, data_root: Path | None) -> DataPaths:
    """The files of `dataset`; those of an embedded one are made first.

    Raises DataNotFoundError when they are not there.
    """
    from lt_bench.data import glyphs, lvis

    if dataset not in glyphs.PRESETS:
        return lvis.find(dataset, data_root)
    if data_root is not None:
        raise UserError(
            f"--data-root {data_root} was given, but {dataset} is made on the spot",
            "leave out --data-root, or ask for --dataset lvis_v1",
        )
    with progress(f"making {dataset}") as report:
        root = glyphs.make(dataset, progress=report)
    folder = root / "annotations"
    return lvis.DataPaths(dataset, folder / "lvis_v1_train.json", folder / "lvis_v1_val.json", root)


def val_annotations(dataset: str) -> Path:
    """The validation annotations of `dataset`; of an embedded one that is not there they alone are made, not images.

    Raises DataNotFoundError when they are not there, OSError when those of an embedded one can't be written.
    """
    from lt_bench.data import glyphs, lvis
    from lt_bench.data.glyphs.truth import val_file

    return val_file(glyphs.PRESETS[dataset]) if dataset in glyphs.PRESETS else lvis.find(dataset, None).val


def load(paths: DataPaths) -> Dataset:
    """Read both annotation files and log which form was found. Raises UserError for a damaged one."""
    from lt_bench.data import lvis

    train, val = (lvis.load(path, cache_folder()) for path in (paths.train, paths.val))
    if train.category_ids != val.category_ids:
        raise UserError(
            f"{paths.train} and {paths.val} list different categories", "use the two files of one LVIS release"
        )
    logger.info(
        f"data: {paths.dataset}, annotations in the form of LVIS {train.version}, {len(train.categories)} classes, "
        f"{len(train.images)} training and {len(val.images)} validation images in {shown(paths.image_root)}"
    )
    return Dataset(paths, train, val)


def verify(dataset: Dataset, exclude: Collection[int]) -> None:
    """Refuse a data set that fails its check, unless the images at fault are left out. A pass is remembered.

    Raises UserError with a table of the problems.
    """
    from lt_bench.data import verify as checks
    from lt_bench.data.lvis import ImageFinder

    unknown = set(exclude).difference(dataset.train.image_ids, dataset.val.image_ids)
    if unknown:
        raise UserError(
            f"no image has the id {min(unknown)} ({len(unknown)} such ids)", "correct the file of --exclude-images"
        )
    mark = cache_folder() / "checked" / f"{_state(dataset)}.json"
    if mark.is_file():
        return
    problems = []
    for file, is_train in ((dataset.train, True), (dataset.val, False)):
        logger.info(f"checking {len(file.images)} images of {file.path.name}")
        with progress(f"checking {file.path.name}") as report:
            problems += checks.check(file, ImageFinder(dataset.paths.image_root), progress=report, is_train=is_train)
    if not problems:
        with suppress(OSError):  # a cache that can't be written costs the next start a check, and this run nothing
            write_atomic(mark, [json.dumps(dataset.digests()).encode()])
    left = [problem for problem in problems if problem.image_id not in set(exclude)]
    if left:
        raise UserError(
            f"the data set fails its check:\n{checks.summary(left)}",
            f"`lt_bench data check {dataset.paths.image_root} --dataset {dataset.paths.dataset}` lists them all. Fix "
            "them, or name the ids of the images to leave out in a file with --exclude-images FILE.",
        )


def _state(dataset: Dataset) -> str:
    """A digest of what was checked: the annotations, and name, size and time of every image file."""
    from lt_bench.data.lvis import ImageFinder

    digest = hashlib.sha256()
    root = dataset.paths.image_root
    finder = ImageFinder(root)
    for file in (dataset.train, dataset.val):
        digest.update(file.digest.encode())
        for relative in map(finder.relative, file.image_names()):
            path = None if relative is None else os.path.join(root, relative)
            stat = os.stat(path) if path else None
            digest.update(f"{path} {stat and (stat.st_size, stat.st_mtime_ns)}\n".encode())
    return digest.hexdigest()

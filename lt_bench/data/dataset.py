"""Where a run's images and annotations come from: LVIS if it is there, else the embedded data set."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lt_bench.data.cache import cache_folder
from lt_bench.data.exclusion import Excluded, excluded
from lt_bench.errors import DataNotFoundError, UserError
from lt_bench.utils.every import of_every
from lt_bench.utils.files import write_atomic
from lt_bench.utils.terminal import progress, shown

if TYPE_CHECKING:
    from lt_bench.data.lvis import DataPaths, LVISFile

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Dataset:
    """A data set, found and read. val: the validation annotations; train: those of the training set.

    paths: of the files that were read. given: of those that the user has; others where they were converted. assumed:
    what that changed and took for granted, in words. image_files: a digest of all image files, None where `verify` did
    not give one.
    """

    paths: DataPaths
    train: LVISFile
    val: LVISFile
    given: DataPaths | None = None
    assumed: tuple[str, ...] = ()
    image_files: str | None = None

    def digests(self) -> dict[str, str]:
        """Annotation file (resolved path) to the SHA-256 of its content."""
        return {str(file.path.resolve()): file.digest for file in (self.train, self.val)}


def default(data_root: Path | None) -> str:
    """The data set of a run that names none: LVIS v1 if it can be found, and otherwise, said aloud, `glyphs`.

    Raises DataNotFoundError when it is not in a data_root that was given.
    """
    from lt_bench.data import find_known

    try:
        return find_known.find("lvis_v1", data_root).dataset
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
    from lt_bench.data import find_known, glyphs, lvis

    if dataset not in glyphs.PRESETS:
        return find_known.find(dataset, data_root)
    if data_root is not None:
        raise UserError(
            f"--data-root {data_root} was given, but {dataset} is made on the spot",
            "leave out --data-root, or ask for --dataset lvis_v1",
        )
    with progress(f"making {dataset}") as report:
        root = glyphs.make(dataset, progress=report)
    folder = root / "annotations"
    return lvis.DataPaths(dataset, folder / "lvis_v1_train.json", folder / "lvis_v1_val.json", root)


def val_annotations(dataset: str, masks: bool = True) -> Path:
    """The validation annotations of `dataset` in LVIS's form; of an embedded one that is not there they alone are made,
    not images. masks: as for `in_lvis_form`.

    Raises DataNotFoundError when they are not there, UserError when they can't be read, OSError when those of an
    embedded one can't be written.
    """
    from lt_bench.data import find_known, glyphs
    from lt_bench.data.glyphs.truth import val_file

    if dataset in glyphs.PRESETS:
        return val_file(glyphs.PRESETS[dataset])
    return in_lvis_form(find_known.find(dataset, None), masks)[0].val


def load(paths: DataPaths, masks: bool = True) -> Dataset:
    """Read both annotation files. Files in another form are converted (`in_lvis_form`).

    masks: whether they are to be trained and evaluated, beside boxes.

    The classes are in the frequency groups of the validation file, as those are what is evaluated: where the training
    file has others, that is logged. Raises UserError for a damaged file, for two that disagree on the categories, and
    where masks are wanted of a file of boxes alone.
    """
    from lt_bench.data import lvis
    from lt_bench.data.agreement import disagreements, frequencies
    from lt_bench.data.convert.in_place import copies_named
    from lt_bench.data.problem import REMEDIES, described

    if masks:
        refuse_boxes_alone(paths, have_masks(paths))
    given, (paths, assumed) = paths, in_lvis_form(paths, masks)
    for line in assumed:
        logger.info(line)
    with copies_named({paths.train: given.train, paths.val: given.val}):
        train, val = of_every(
            lambda path: lvis.load(path, cache_folder(), rehash=False, masks=masks), (paths.train, paths.val)
        )
    wrong = list(disagreements(train, val))
    if wrong:
        raise UserError(
            f"{paths.train} and {paths.val} list different categories: {described(wrong[0])} ({len(wrong)} such ids)",
            REMEDIES[wrong[0].kind],
        )
    for note in frequencies(train, val):
        logger.warning(f"note: {note}")
        groups = {category["id"]: category["frequency"] for category in val.categories}
        train = replace(train, categories=[{**own, "frequency": groups[own["id"]]} for own in train.categories])
    logger.info(
        f"data: {paths.dataset}, {len(train.categories)} classes, "
        f"{len(train.images)} training and {len(val.images)} validation images in {shown(paths.image_root)}"
    )
    return Dataset(paths, train, val, given, assumed)


def have_masks(paths: DataPaths) -> tuple[bool, bool]:
    """Whether the training and the validation annotations have masks. Raises UserError for files that can't be read."""
    from lt_bench.data import lvis
    from lt_bench.data.content import has_masks
    from lt_bench.data.convert.forms import sources_of

    if paths.form is None:
        files = of_every(lambda path: lvis.read(path, cache_folder(), rehash=False), (paths.train, paths.val))
        train, val = map(has_masks, files)
    else:
        sources = sources_of(paths.form, {"train": paths.train, "val": paths.val}, paths.image_root)
        train, val = (source.masks for source in sources)
    return train, val


def refuse_boxes_alone(paths: DataPaths, have: tuple[bool, bool]) -> None:
    """Raises UserError for a file without masks, which a detector of masks can't use. have: what `have_masks` says."""
    for path, masks in zip((paths.train, paths.val), have, strict=True):
        if not masks:
            raise UserError(
                f"{path} has boxes alone: no annotation has a segmentation, and the detector is trained on masks",
                "train one of boxes alone with --detector faster_rcnn; `lt_bench data convert` can also make polygons "
                "of boxes, with which mask AP says nothing",
            )


def in_lvis_form(paths: DataPaths, masks: bool = True) -> tuple[DataPaths, tuple[str, ...]]:
    """Where both annotation files are in LVIS's form: the same paths, or those of converted copies, and what was
    changed and assumed on the way, in words. masks: whether objects without one get their box as a polygon.

    Raises UserError for files that can't be read or converted.
    """
    from lt_bench.data.convert.in_place import in_lvis_form as converted
    from lt_bench.data.convert.options import Options, refuse_unused

    found = converted(
        {"train": paths.train, "val": paths.val},
        replace(paths.asked or Options(), masks_of_boxes=masks),
        form=paths.form,
        images=paths.image_root,
    )
    if not found.lines:
        refuse_unused(paths.asked, (paths.train, paths.val))
        return paths, ()
    head = f"{found.why}: both files were converted to LVIS's"
    return replace(paths, train=found.paths["train"], val=found.paths["val"]), (head, *found.lines)


def verify(dataset: Dataset, exclude: Collection[Excluded] = (), masks: bool = True) -> Dataset:
    """Refuse a data set that fails its check, unless the images at fault are left out. A pass is remembered.

    masks: whether they are to be trained and evaluated, beside boxes; without, nothing is asked of segmentations.

    Returns it with the digest of its image files, which a record holds; those of an embedded one follow from its name.
    Logs what may not be as it was meant. Raises UserError with a table of the problems.
    """
    from lt_bench.data import glyphs
    from lt_bench.data.exclusion import refuse_nothing_left
    from lt_bench.data.problem import summary
    from lt_bench.data.verify import check_both

    mark = cache_folder() / "checked" / f"{_state(dataset, masks)}.json"
    noted = _noted(mark)
    if noted is None:
        logger.info(f"checking {len(dataset.train.images)} training and {len(dataset.val.images)} validation images")
        found = check_both(
            dataset.train,
            dataset.val,
            dataset.paths.image_root,
            show=lambda name: progress(f"checking {name}"),
            with_masks=masks,
        )
        noted = found.notes, found.image_files
        if not found.all():
            with suppress(OSError):  # a cache that can't be written costs the next start a check, and this run nothing
                content = {"digests": dataset.digests(), "notes": found.notes, "image_files": found.image_files}
                write_atomic(mark, [json.dumps(content).encode()])
        left = [
            problem
            for split, problems in found.problems.items()
            for problem in problems
            if problem.image_id not in excluded(exclude, split)
        ]
        if left:
            raise UserError(
                f"the data set fails its check:\n{summary(left)}",
                f"`{(dataset.given or dataset.paths).check_command(masks)}` lists them all. "
                "Fix them, or name the images to leave out in a file with --exclude-images FILE, one per line, as "
                "train:ID or val:ID.",
            )
    refuse_nothing_left(dataset.train, dataset.val, exclude)
    notes, image_files = noted
    for note in notes:
        logger.warning(f"note: {note}")
    return dataset if dataset.paths.dataset in glyphs.PRESETS else replace(dataset, image_files=image_files)


def _noted(mark: Path) -> tuple[list[str], str] | None:
    """The notes of a check that was passed, and the digest of the image files; None where there was none."""
    try:
        content = json.loads(mark.read_text(encoding="utf-8"))
        return [str(note) for note in content["notes"]], str(content["image_files"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _state(dataset: Dataset, masks: bool) -> str:
    """A digest of what was checked: the rules, the annotations, and name, size and time of every image file."""
    from lt_bench.data.image_files import ImageFinder, Split
    from lt_bench.data.verify import RULES

    digest = hashlib.sha256(f"{RULES}{'' if masks else ' boxes alone'}\n".encode())
    root = dataset.paths.image_root
    files: tuple[tuple[Split, LVISFile], ...] = (("train", dataset.train), ("val", dataset.val))
    for split, file in files:
        finder = ImageFinder(root, split)
        digest.update(file.digest.encode())
        for relative in map(finder.relative, file.image_names()):
            path = None if relative is None else os.path.join(root, relative)
            stat = os.stat(path) if path else None
            digest.update(f"{path} {stat and (stat.st_size, stat.st_mtime_ns)}\n".encode())
    return digest.hexdigest()

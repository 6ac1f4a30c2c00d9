"""Verifying LVIS-format data before a long run: lists every problem instead of stopping at the first."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from lt_bench.data import content, notes
from lt_bench.data.agreement import disagreements, frequencies, repeated_pictures
from lt_bench.data.image_files import ImageFinder, Split
from lt_bench.data.lvis import LVISFile
from lt_bench.data.pictures import Contents, Progress, check_pictures, digest_of_pictures
from lt_bench.data.problem import Problem

RULES = 5  # raise it when more is checked: a pass under other rules is not remembered
Shown = Callable[[str], AbstractContextManager[Progress | None]]


@dataclass(frozen=True)
class Findings:
    """Of the two files of a data set. problems: by "train" and "val", and by "both" what concerns both. notes: what may
    not be as it was meant, in words. image_files: a digest of all image files; "" where they were not read."""

    problems: dict[str, list[Problem]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    image_files: str = ""

    def all(self) -> list[Problem]:
        return [problem for problems in self.problems.values() for problem in problems]


def check(
    file: LVISFile,
    finder: ImageFinder,
    read_images: bool = True,
    progress: Progress | None = None,
    is_train: bool = True,
    contents: Contents | None = None,
    with_masks: bool = True,
) -> list[Problem]:
    """All problems of an annotation file and its images; empty when all is well.

    read_images: also decode every image. progress: called as progress(images done, all images) from the calling
    thread. is_train: also compare the categories' image_count and instance_count with the annotations. contents: takes
    what each image shows (see `check_pictures`). with_masks: without, nothing is asked of segmentations.
    """
    found: Contents = {} if contents is None else contents
    problems = list(check_pictures(file, finder, read_images, found, progress))
    problems += content.problems(file, is_train, with_masks)
    return [replace(problem, file=file.path.name) for problem in problems]


def check_both(
    train: LVISFile,
    val: LVISFile,
    image_root: Path,
    read_images: bool = True,
    show: Shown = lambda name: nullcontext(),
    with_masks: bool = True,
) -> Findings:
    """`check` of both files, and whether they agree. show: makes the progress of the file with this name. with_masks:
    without, nothing is asked of segmentations: boxes alone are trained and evaluated."""
    found = Findings({"both": list(disagreements(train, val))}, list(frequencies(train, val)))
    contents: dict[str, Contents] = {}
    files: tuple[tuple[Split, LVISFile], ...] = (("train", train), ("val", val))
    for split, file in files:
        own = contents.setdefault(f"{split} ({file.path.name})", {})
        with show(file.path.name) as progress:
            finder = ImageFinder(image_root, split)
            found.problems[split] = check(file, finder, read_images, progress, split == "train", own, with_masks)
        found.notes.extend(notes.on_file(file, split == "train"))
        found.notes.extend(notes.on_pictures(file.path.name, own))
    found.notes.extend(repeated_pictures(contents))
    return replace(found, image_files=digest_of_pictures(contents.values()) if read_images else "")

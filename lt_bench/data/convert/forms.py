"""The forms that can be converted, by name. A further one is a module beside coco.py, a line in FORMS, and its name in
options.FORM_NAMES; a data set that is known by name and comes in it, a line in lt_bench.data.known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lt_bench.data.convert import coco, find_coco
from lt_bench.data.convert.openimages import reader as openimages
from lt_bench.data.convert.source import Source
from lt_bench.data.convert.yolo import reader as yolo
from lt_bench.data.image_files import Split


@dataclass(frozen=True)
class Form:
    """sources: from what the user named (files, or a folder of them) to one source for each split. It is also given the
    folder of the images, if the user named it, for whoever needs the images' sizes. Raises UserError.
    image_folder: where the images seem to be, None where they can't be found.
    version: raise it whenever equal files give other sources, so that no copy of earlier ones is used.

    A known data set (lt_bench.data.known) is read with what it names in `files`, as train:PATH and val:PATH. Whatever
    else belongs to these, the reader finds beside them. It names all files that it reads in Source.files, as their
    digests say whether a conversion is still that of the files; lt_bench.data.annotation_index.digest_of keeps those of
    large files that nobody touched.
    """

    sources: Callable[[Sequence[str], Path | None], list[Source]]
    image_folder: Callable[[Sequence[Source]], Path | None]
    version: int = 1


def _coco(given: Sequence[str], images: Path | None) -> list[Source]:
    return coco.sources(find_coco.find(given))


FORMS: Mapping[str, Form] = {
    "coco": Form(_coco, find_coco.image_folder),
    "openimages": Form(openimages.sources, openimages.image_folder),
    "yolo": Form(yolo.sources, yolo.image_folder),
}


def sources_of(form: str, files: Mapping[Split, Path], images: Path | None = None) -> list[Source]:
    """The sources of a form from the file of each split that stands for its files. images: the folder of the images.
    Raises UserError."""
    return FORMS[form].sources([f"{split}:{path}" for split, path in files.items()], images)

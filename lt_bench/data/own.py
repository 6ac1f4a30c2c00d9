"""A data set of the user's own: two annotation files in LVIS's or COCO's form, a folder of images, and a name."""

from __future__ import annotations

import re
from pathlib import Path

from lt_bench.data import glyphs, lvis
from lt_bench.data.convert.options import Options
from lt_bench.data.image_files import images_near
from lt_bench.data.known import KNOWN
from lt_bench.errors import DataNotFoundError, UserError

LAYER = "lvis_v1"  # the config layer of such data: LVIS's recipe
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


def check_name(name: str) -> None:
    """Raises UserError for a name that a table can't have, or that says something else: that of a known data set."""
    if name.lower() in (*KNOWN, *glyphs.PRESETS) or name.lower().startswith(("glyphs", "lvis_v")):
        raise UserError(f"--dataset-name {name} is the name of another data set", "choose one of your own: my_data")
    if not _NAME.fullmatch(name):
        raise UserError(
            f"--dataset-name {name!r} can't name a table",
            "use up to 40 letters, digits, dots, hyphens and underscores, the first a letter or a digit",
        )


def find(name: str, train: Path, val: Path, images: Path | None, asked: Options | None = None) -> lvis.DataPaths:
    """The files of a data set of one's own. images: the folder below which they are; None to look beside the
    annotations. asked: of the conversion of files in another form than LVIS's.

    Raises UserError for another name than one can have, DataNotFoundError for what is not there.
    """
    check_name(name)
    for option, path in (("--train-annotations", train), ("--val-annotations", val)):
        if not path.is_file():
            raise DataNotFoundError(
                f"{option} {path}: no such file", "give an annotation file in LVIS's or COCO's form"
            )
    if images is not None and not images.is_dir():
        raise DataNotFoundError(f"--images {images}: no such folder", "give the folder that holds the images")
    return lvis.DataPaths(name, train, val, images or beside(train, val), is_own=True, asked=asked)


def beside(train: Path, val: Path) -> Path:
    """The nearest folder above the annotations that holds images. Raises DataNotFoundError where there is none."""
    found = images_near((train, val))
    if found is None:
        places = dict.fromkeys(str(folder) for path in (train, val) for folder in path.resolve().parents[:2])
        raise DataNotFoundError(f"no images were found in {', '.join(places)}", "name their folder with --images DIR")
    return found

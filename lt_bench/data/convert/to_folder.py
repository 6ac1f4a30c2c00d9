"""A conversion into a folder that `--data-root` and `data check` take."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lt_bench.data.convert.conversion import convert
from lt_bench.data.convert.forms import FORMS
from lt_bench.data.convert.options import Options
from lt_bench.data.convert.source import Source
from lt_bench.data.image_files import CONVERSION, Split, holds_images
from lt_bench.data.known import KNOWN
from lt_bench.errors import DataNotFoundError
from lt_bench.utils.files import refuse_clashes, refuse_unwritable, write_atomic

SPLITS: tuple[Split, ...] = ("train", "val")


@dataclass(frozen=True)
class Written:
    """files: by split. images: the folder that the images are in, None where it is not known. report: the file that
    `lines`, what was changed and assumed, were written to."""

    files: dict[Split, Path]
    images: Path | None
    report: Path
    lines: list[str]


def convert_to_folder(
    form: str, given: Sequence[str], out: Path, options: Options, images: Path | None = None
) -> Written:
    """Write out/annotations/lvis_v1_train.json and lvis_v1_val.json, as far as there are such splits, and a report.

    form: a key of FORMS. given: what the user named. The rest is as in `write_to_folder`. Raises UserError for what
    can't be read, converted or written, and for outputs that are inputs.
    """
    _refuse_missing(images)
    return write_to_folder(FORMS[form].sources(given, images), form, "lvis_v1", out, options, images)


def write_to_folder(
    sources: Sequence[Source], form: str, dataset: str, out: Path, options: Options, images: Path | None = None
) -> Written:
    """Write each source below out/annotations, and a report.

    form: what the sources are of, a key of FORMS. dataset: a key of KNOWN, whose files' names the written ones get.
    images: the folder of the images, None to look in `out`, and beside the annotations. Images stay where they are: the
    report says where that is, and lt_bench.data.image_files reads it.

    Raises UserError for what can't be read, converted or written, and for outputs that are inputs.
    """
    names = dict(zip(SPLITS, KNOWN[dataset].files[0], strict=True))
    paths = {source.split: out / "annotations" / names[source.split] for source in sources}
    report = out / CONVERSION
    inputs = {str(path): path for source in sources for path in source.files}
    outputs = {str(path): path for path in (report, *paths.values())}
    refuse_clashes(outputs, inputs)
    for path in outputs.values():
        refuse_unwritable(path)
    found = images or (out if holds_images(out) else FORMS[form].image_folder(sources))
    elsewhere = found is not None and found.resolve() != out.resolve()
    converted = convert(sources, paths, options)
    content = {
        "form": form,
        "options": asdict(options),
        "inputs": {str(path.resolve()): digest for source in sources for path, digest in source.files.items()},
        "outputs": {paths[split].name: digest for split, digest in converted.digests.items()},
        "images": str(found.resolve()) if found is not None and elsewhere else None,
        "changed": converted.lines,
    }
    write_atomic(report, [json.dumps(content, indent=1, ensure_ascii=False).encode(), b"\n"])
    return Written(paths, found, report, converted.lines)


def _refuse_missing(images: Path | None) -> None:
    if images is not None and not images.is_dir():
        raise DataNotFoundError(f"--images {images}: no such folder", "name the folder that holds the images")

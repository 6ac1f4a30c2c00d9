"""Where the files of a known data set are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from lt_bench.data.convert.find_coco import find as find_coco
from lt_bench.data.image_files import image_root, own_root
from lt_bench.data.known import DOC, KNOWN, Known
from lt_bench.data.lvis import DataPaths
from lt_bench.errors import DataNotFoundError, UserError, did_you_mean
from lt_bench.utils.homes import expanded


def find(dataset: str, data_root: Path | None) -> DataPaths:
    """Find the annotation files and the images of `dataset`, a key of KNOWN.

    With `data_root` only there; otherwise in the usual folders under $LT_BENCH_DATA and ./data. Raises UserError for an
    unknown name, and DataNotFoundError that names every place where it looked.
    """
    if dataset not in KNOWN:
        raise UserError(f"there is no data set {dataset!r}", did_you_mean(dataset, KNOWN))
    known = KNOWN[dataset]
    looked = []
    for root in _roots(dataset, known) if data_root is None else [data_root]:
        for train, val in _pairs(root, known):
            missing = [path.name for path in (train, val) if not path.is_file()]
            if not missing:
                images = image_root(root) if known.form is None else own_root(root)
                return DataPaths(dataset, train, val, images, form=known.form)
            folder = train.parent
            looked.append(f"  {folder}: " + (f"no {' and no '.join(missing)}" if folder.is_dir() else "no such folder"))
    places = "\n".join(dict.fromkeys(looked))
    train_name, val_name = known.files[0]
    remedy = f"{known.how_to_get.format(train=train_name, val=val_name)} More in {DOC}."
    if data_root is not None and (others := _others(data_root)):
        remedy = f"{others}\n{remedy}"
    raise DataNotFoundError(f"{dataset} was not found. Looked in:\n{places}", remedy)


def _pairs(root: Path, known: Known) -> Iterator[tuple[Path, Path]]:
    """Where the training and the validation annotations can be, the likeliest first."""
    for place in known.places:
        for train, val in known.files:
            yield root / place / train, root / place / val


def _others(folder: Path) -> str:
    """How to use annotations of another data set, if there are such of both splits in a folder; else ""."""
    for name, known in KNOWN.items():
        if any(train.is_file() and val.is_file() for train, val in _pairs(folder, known)):
            return f"{name} is there: ask for it with --dataset {name}."
    with suppress(UserError, OSError):
        found = find_coco([str(folder)])
        if {"train", "val"} <= found.keys():
            return (
                f"Annotations of another data set are there. To use them: --train-annotations {found['train']} "
                f"--val-annotations {found['val']} --images {image_root(folder)}, and for `run` --dataset-name NAME."
            )
    return ""


def _roots(dataset: str, known: Known) -> list[Path]:
    """The folders that can hold `dataset` when none is named."""
    given = os.environ.get("LT_BENCH_DATA")
    bases = [expanded(given, "LT_BENCH_DATA")] if given else []
    folders = ("", dataset, dataset.replace(".", "_"), *known.folders)
    return list(dict.fromkeys(base / folder for base in [*bases, Path("data")] for folder in folders))

"""The options that name a data set, one that is known or the user's own, which several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from lt_bench.cli.common import PATH
from lt_bench.data.convert.options import CROWDS, Crowds, Options, parse_options, refuse_unused
from lt_bench.data.known import KNOWN
from lt_bench.errors import DataNotFoundError, UserError

if TYPE_CHECKING:
    from lt_bench.data.image_files import Split
    from lt_bench.data.lvis import DataPaths

Decorated = TypeVar("Decorated", bound=Callable[..., object])
DATASETS_HELP = f"{', '.join(KNOWN)}, glyphs, glyphs-lt or glyphs-1203."
OPTIONS = {
    "train_annotations": "Of a data set of your own: its training annotations, in LVIS's or COCO's form.",
    "val_annotations": "Its validation annotations.",
    "images": "Folder of the images. Default: in or beside the annotations' folder.",
}


def asked_of_conversion(command: Decorated) -> Decorated:
    """--groups and --crowds of annotations that are converted in place."""
    crowds = "Of annotations in COCO's form: regions with several objects (iscrowd) are ignored, left out, or objects."
    groups = "Of such: most training images of a rare and of a common class.  [default: 10,100]"
    command = click.option("--crowds", type=click.Choice(CROWDS), help=f"{crowds}  [default: ignore]")(command)
    return click.option("--groups", metavar="R,C", help=groups)(command)


def own_data(named: bool = True) -> Callable[[Decorated], Decorated]:
    """The options; named: with --dataset-name too."""

    def add(command: Decorated) -> Decorated:
        if named:
            text = "What it is called: its table stands on a page of its own."
            command = click.option("--dataset-name", metavar="NAME", help=text)(command)
        command = asked_of_conversion(command)
        for name, text in reversed(OPTIONS.items()):
            command = click.option(f"--{name.replace('_', '-')}", type=PATH, help=text)(command)
        return command

    return add


def data_paths(
    dataset: str | None,
    data_root: Path | None,
    train_annotations: Path | None,
    val_annotations: Path | None,
    images: Path | None,
    dataset_name: str | None,
    groups: str | None = None,
    crowds: Crowds | None = None,
) -> DataPaths:
    """The files of the data set that a command names: one of one's own, a known one, or none.

    Raises UserError for options that contradict each other or are not complete, and for files that are not there.
    """
    from lt_bench.data import dataset as datasets
    from lt_bench.data import own

    asked = parse_options(groups, crowds)
    if train_annotations is None and val_annotations is None and dataset_name is None:
        refuse_of_known(asked)
        paths = datasets.find(dataset or datasets.default(data_root), data_root)
        if images is None:
            return paths
        if not images.is_dir():
            raise DataNotFoundError(f"--images {images}: no such folder", "give the folder that holds the images")
        return replace(paths, image_root=images)
    own_options = {
        "--train-annotations": train_annotations,
        "--val-annotations": val_annotations,
        "--dataset-name": dataset_name,
    }
    if missing := [option for option, value in own_options.items() if value is None]:
        raise UserError(
            f"a data set of your own needs {' and '.join(missing)} too",
            "for example --train-annotations A.json --val-annotations B.json --images DIR --dataset-name my_data",
        )
    if data_root is not None or dataset not in (None, dataset_name):
        given = "--data-root" if data_root is not None else "--dataset"
        raise UserError(f"{given} names another data set than --train-annotations", "leave one of them out")
    assert train_annotations is not None and val_annotations is not None and dataset_name is not None
    return own.find(dataset_name, train_annotations, val_annotations, images, asked)


def refuse_of_known(asked: Options | None) -> None:
    """Raises UserError for options of a conversion of a known data set: its groups are part of what its table says."""
    if asked is not None:
        raise UserError(
            "--groups and --crowds are for a data set of your own",
            "leave them out, or name its annotations with --train-annotations and --val-annotations",
        )


def known_truth(dataset: str, data_root: Path | None) -> DataPaths:
    """The annotation files of a known data set, to evaluate on. Raises DataNotFoundError when they are not there."""
    from lt_bench.data import dataset as datasets
    from lt_bench.data.glyphs import PRESETS

    if dataset in (*KNOWN, *PRESETS) or data_root is not None:
        return datasets.find(dataset, data_root)
    raise UserError(
        f"predictions alone do not say what is true, and {dataset} is no known data set",
        f"give the annotation file with --annotations, or one of {', '.join(KNOWN)}",
    )


def truth_in_lvis_form(
    annotations: Path, train_annotations: Path | None, known: DataPaths | None = None, asked: Options | None = None
) -> tuple[Path, list[str]]:
    """Annotations to evaluate on in LVIS's form, the file itself or a copy, and what is to be known of them, in words.

    train_annotations: the training set's, whose counts give the frequency groups where the file has none. known: the
    known data set that the annotations are of, if they are. asked: of the conversion of another form.

    Raises UserError for files that can't be read or converted.
    """
    from lt_bench.data.convert.in_place import in_lvis_form

    given: dict[Split, Path] = {"val": annotations}
    form = None if known is None else known.form
    if train_annotations is not None:
        given["train"] = train_annotations
    elif known is not None and form is not None:
        given["train"] = known.train
    images = None if known is None else known.image_root
    options = replace(asked or Options(), masks_of_boxes=False)
    found = in_lvis_form(given, options, to_evaluate=True, form=form, images=images)
    if not found.lines:
        refuse_unused(asked, (annotations,))
        unused = "--train-annotations was not needed: the annotations have frequency groups"
        return annotations, [unused] if train_annotations is not None else []
    metric = "COCO's AP is another" if form is None else "the data set's own metric is another"
    lines = [
        f"{found.why}; it is evaluated by LVIS's rules: 300 detections per image over all classes, and regions with "
        f"several objects (iscrowd) ignored as one object. {metric}",
        *found.lines,
    ]
    if "train" not in given and not any(line.startswith("frequency: kept") for line in found.lines):
        lines.append("APr, APc and APf go by this file's own counts; name the training set's with --train-annotations")
    return found.paths["val"], lines

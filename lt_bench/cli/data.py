"""`lt_bench data`: make the embedded data set, check a data set, or convert one to LVIS's form."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lt_bench.cli.common import PATH, Group
from lt_bench.cli.own_data import data_paths, own_data
from lt_bench.data.convert.options import CROWDS, FORM_NAMES, Crowds
from lt_bench.data.known import KNOWN
from lt_bench.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from lt_bench.data.convert.to_folder import Written

if TYPE_CHECKING:
    from lt_bench.data.image_files import Split

MOST_COUNTED = 1000  # problems of each converted file


@click.group(cls=Group)
def data() -> None:
    """Make the embedded data set, check a data set, or convert one to LVIS's form."""


@data.command("make")
@click.argument("preset", default="glyphs")
@click.option("--from", "given", metavar="FOLDER", type=PATH, help="Of coco_lt: the folder of COCO's annotations.")
@click.option("--out", type=PATH, help="Of coco_lt: folder to write to. Default: that of COCO.")
def data_make(preset: str, given: Path | None, out: Path | None) -> None:
    """Make the data set PRESET and print its folder: glyphs, glyphs-lt and glyphs-1203, which are embedded, or coco_lt,
    COCO with a long tail, from COCO's annotations.
    """
    from lt_bench.data import coco_lt, glyphs
    from lt_bench.utils.terminal import progress

    if preset not in (*glyphs.PRESETS, coco_lt.NAME):
        raise UserError(
            f"there is no data set {preset!r} to make", did_you_mean(preset, (*glyphs.PRESETS, coco_lt.NAME))
        )
    if preset != coco_lt.NAME:
        if given is not None or out is not None:
            raise UserError(f"--from and --out are for {coco_lt.NAME}", f"leave them out, or make {coco_lt.NAME}")
        with progress(f"making {preset}") as report:
            root = glyphs.make(preset, progress=report)
        click.echo(root)
        return
    if given is None:
        raise UserError(f"{coco_lt.NAME} is made of COCO's annotations", "name the folder of COCO 2017 with --from")
    _say(coco_lt.make(given, out))


@data.command("convert")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option("--out", type=PATH, required=True, help="Folder to write the annotations to.")
@click.option("--form", type=click.Choice(FORM_NAMES), default="coco", show_default=True, help="What they are in.")
@click.option("--images", type=PATH, help="Folder of the images. Default: in --out, or beside the annotations.")
@click.option("--groups", metavar="R,C", help="Most training images of a rare and of a common class.  [default: the "
              "groups that the files have, else LVIS's 10,100]")  # fmt: skip
@click.option("--crowds", type=click.Choice(CROWDS), default="ignore", show_default=True,
              help="Regions with several objects (iscrowd): ignored, left out, or objects like any other.")  # fmt: skip
@click.option("--masks-of-boxes/--no-masks-of-boxes", default=True, show_default=True,
              help="Whether an object without a mask gets its box as a polygon. Boxes alone need none.")  # fmt: skip
def data_convert(
    paths: tuple[str, ...],
    out: Path,
    form: str,
    images: Path | None,
    groups: str | None,
    crowds: Crowds,
    masks_of_boxes: bool,
) -> None:
    """Write the annotations of PATH... in LVIS's form, and say what was changed.

    PATH is an annotation file, or a folder with those of both splits. Name training and validation annotations
    together: the counts and frequency groups of the classes are those of the training set. Where a name does not tell
    the split, write train:PATH or val:PATH. With --form yolo it is data.yaml, or its folder.

    The result is OUT/annotations/lvis_v1_train.json and lvis_v1_val.json, and OUT/conversion.json, what was changed.
    Images stay where they are; `data check OUT` and `run --data-root OUT` find them.
    """
    from lt_bench.data.convert.options import Options, parse_groups
    from lt_bench.data.convert.to_folder import convert_to_folder

    options = Options(crowds, None if groups is None else parse_groups(groups), masks_of_boxes)
    _say(convert_to_folder(form, paths, out, options, images))


def _say(written: Written) -> None:
    for line in written.lines:
        click.echo(line)
    click.echo(f"images: {'not found; name their folder with --images' if written.images is None else written.images}")
    for path in (*written.files.values(), written.report):
        click.echo(f"written: {path}")
    if left := _left(written.files):
        click.echo(f"problems that are left: {left}; `lt_bench data check` lists them")


def _left(files: Mapping[Split, Path]) -> str:
    """How many problems converted files have, but for those of image files, and the first one; "" for none."""
    from lt_bench.data import content
    from lt_bench.data.cache import cache_folder
    from lt_bench.data.lvis import read
    from lt_bench.data.problem import described

    found = []
    for split, path in files.items():
        file = read(path, cache_folder(), rehash=False)
        problems = content.problems(file, split == "train", content.has_masks(file))
        found += [(path.name, problem) for problem in islice(problems, MOST_COUNTED)]
    if not found:
        return ""
    (name, first), more = found[0], "" if len(found) < MOST_COUNTED else "at least "
    return f"{more}{len(found)}, e.g. {name}: {first.kind}: {described(first)}"


@data.command("check")
@click.argument("folder", metavar="[PATH]", type=PATH, required=False)
@click.option("--dataset", help=f"{', '.join(KNOWN)}.  [default: lvis_v1]")
@click.option("--data-root", type=PATH, help="The same as PATH. Default with --dataset: $LT_BENCH_DATA, ./data.")
@own_data(named=False)
@click.option("--no-images", is_flag=True, help="Do not decode the images.")
@click.option("--box-only", is_flag=True, help="Ask nothing of masks, as a detector of boxes alone does.")
def data_check(
    folder: Path | None,
    dataset: str | None,
    data_root: Path | None,
    train_annotations: Path | None,
    val_annotations: Path | None,
    images: Path | None,
    groups: str | None,
    crowds: Crowds | None,
    no_images: bool,
    box_only: bool,
) -> None:
    """Verify the data set in folder PATH, list every problem, and exit with 1 if there is one.

    Notes name what is no mistake in the form of the files, but may not be as it was meant. Annotations in another form
    than LVIS's are converted first, as `run` does it. Where no annotation of either file has a mask, nothing is asked
    of masks.
    """
    from lt_bench.data import dataset as datasets
    from lt_bench.data.cache import cache_folder
    from lt_bench.data.convert.in_place import copies_named
    from lt_bench.data.lvis import load
    from lt_bench.data.problem import summary
    from lt_bench.data.verify import check_both
    from lt_bench.utils.every import of_every
    from lt_bench.utils.terminal import progress

    is_own = train_annotations is not None or val_annotations is not None
    if folder is not None and data_root is not None:
        raise UserError(f"{folder} and --data-root {data_root} were given", "give one of them")
    folder = folder or data_root
    if folder is None and dataset is None and not is_own:
        raise UserError("there is nothing to check", "name a folder, or --train-annotations and --val-annotations")
    name = "own" if is_own else None
    known = dataset or (None if is_own else "lvis_v1")
    given = data_paths(known, folder, train_annotations, val_annotations, images, name, groups, crowds)
    have = (False, False) if box_only else datasets.have_masks(given)
    alone = not box_only and not any(have)
    if any(have):
        datasets.refuse_boxes_alone(given, have)
    masks = not (box_only or alone)
    paths, assumed = datasets.in_lvis_form(given, masks)
    for line in assumed:
        click.echo(line)
    with copies_named({paths.train: given.train, paths.val: given.val}):
        train, val = of_every(
            lambda path: load(path, cache_folder(), rehash=False, masks=masks), (paths.train, paths.val)
        )
    found = check_both(train, val, paths.image_root, not no_images, lambda name: progress(f"checking {name}"), masks)
    for split, path, file in (("train", given.train, train), ("val", given.val, val)):
        click.echo(
            f"{path}: {len(file.categories)} classes, {len(file.images)} images, {len(file.annotations)} annotations"
        )
        for problem in found.problems[split]:
            click.echo(f"  {problem.kind}: {problem.where}: {problem.detail}")
    for problem in found.problems["both"]:
        click.echo(f"{problem.kind}: {problem.where}: {problem.detail}")
    if alone:
        click.echo("note: no annotation has a mask: boxes alone can be trained (--detector faster_rcnn) and evaluated")
    for note in found.notes:
        click.echo(f"note: {note}")
    click.echo(summary(found.all()))
    if found.all():
        sys.exit(1)

"""`lt_bench data`: make the embedded data set, or check a data set."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from lt_bench.cli.common import PATH, Group


@click.group(cls=Group)
def data() -> None:
    """Make the embedded data set, or check a data set."""


@data.command("make")
@click.argument("preset", default="glyphs")
def data_make(preset: str) -> None:
    """Make the embedded data set PRESET (glyphs, glyphs-lt, glyphs-1203) and print its folder."""
    from lt_bench.data import glyphs
    from lt_bench.utils.terminal import progress

    with progress(f"making {preset}") as report:
        root = glyphs.make(preset, progress=report)
    click.echo(root)


@data.command("check")
@click.argument("folder", metavar="PATH", type=PATH)
@click.option("--dataset", default="lvis_v1", show_default=True, help="lvis_v1 or lvis_v0.5.")
@click.option("--no-images", is_flag=True, help="Do not decode the images.")
def data_check(folder: Path, dataset: str, no_images: bool) -> None:
    """Verify the data set in folder PATH, list every problem, and exit with 1 if there is one.

    Notes name what is no mistake in the form of the files, but may not be as it was meant.
    """
    from lt_bench.data.cache import cache_folder
    from lt_bench.data.lvis import find, load
    from lt_bench.data.problem import summary
    from lt_bench.data.verify import check_both
    from lt_bench.utils.terminal import progress

    paths = find(dataset, folder)
    train, val = (load(path, cache_folder()) for path in (paths.train, paths.val))
    found = check_both(train, val, paths.image_root, not no_images, lambda name: progress(f"checking {name}"))
    for split, file in (("train", train), ("val", val)):
        click.echo(
            f"{file.path}: form of LVIS {file.version}, {len(file.categories)} classes, {len(file.images)} images, "
            f"{len(file.annotations)} annotations"
        )
        for problem in found.problems[split]:
            click.echo(f"  {problem.kind}: {problem.where}: {problem.detail}")
    for problem in found.problems["both"]:
        click.echo(f"{problem.kind}: {problem.where}: {problem.detail}")
    for note in found.notes:
        click.echo(f"note: {note}")
    click.echo(summary(found.all()))
    if found.all():
        sys.exit(1)

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
    """Verify the data set in folder PATH, list every problem, and exit with 1 if there is one."""
    from lt_bench.data.cache import cache_folder
    from lt_bench.data.lvis import ImageFinder, find, load
    from lt_bench.data.verify import check, summary
    from lt_bench.utils.terminal import progress

    paths = find(dataset, folder)
    problems = []
    for path, is_train in ((paths.train, True), (paths.val, False)):
        file = load(path, cache_folder())
        click.echo(
            f"{path}: form of LVIS {file.version}, {len(file.categories)} classes, {len(file.images)} images, "
            f"{len(file.annotations)} annotations"
        )
        with progress(f"checking {path.name}") as report:
            found = check(file, ImageFinder(paths.image_root), not no_images, report, is_train)
        for problem in found:
            click.echo(f"  {problem.kind}: {problem.where}: {problem.detail}")
        problems += found
    click.echo(summary(problems))
    if problems:
        sys.exit(1)

"""The published pages: one markdown file per data set, made from the records alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from importlib import resources
from itertools import groupby
from pathlib import Path

import pandas as pd

from lt_bench.evaluation import metrics as registry
from lt_bench.leaderboard import markdown
from lt_bench.leaderboard.markdown import escape
from lt_bench.leaderboard.store import read_all, slug
from lt_bench.leaderboard.tables import Table, tables
from lt_bench.utils.files import write_atomic

MARK = "<!-- Made from the records in results/ by `python -m lt_bench leaderboard`. Changes here are lost. -->"
FULL_SIZE = {"lvis_v1": (1203, 19809), "lvis_v0.5": (1230, 5000)}  # categories and validation images
PUBLISHED = "lvis_v1"


def regenerate(folder: Path, published: bool = False) -> tuple[list[Path], list[str]]:
    """Write the pages of `folder`. Returns their paths and what stood in the way, as `pages` says it."""
    made, problems = pages(folder, published)
    for page, text in made.items():
        write_atomic(page, [text.encode()])
    left = [f"{page}: there is no record for this page any more; remove it" for page in stale(folder, made)]
    return list(made), problems + left


def pages(folder: Path, published: bool = False) -> tuple[dict[Path, str], list[str]]:
    """The text of folder/<dataset>.md for every data set that has records below folder/results. Writes nothing.

    With `published`, also the page of the published numbers when nobody has measured on their data set yet.

    Returns the pages and what stood in the way: files that are no valid record, runs that were left out. The same
    records give the same text.
    """
    found, problems = read_all(folder / "results")
    made, left_out = tables(record for _, record in found)
    texts = {
        folder / f"{slug(dataset)}.md": render(dataset, list(group))
        for dataset, group in groupby(made, key=lambda table: table.records[0].track.dataset)
    }
    if published:
        texts.setdefault(folder / f"{slug(PUBLISHED)}.md", render(PUBLISHED, []))
    return texts, problems + left_out


def stale(folder: Path, made: Collection[Path]) -> list[Path]:
    """The pages in `folder` that are not among `made`. Files that are no page of ours do not count."""
    others = (page for page in sorted(folder.glob("*.md")) if page not in made and page.is_file())
    return [page for page in others if page.read_bytes().startswith(MARK.encode())]


def render(dataset: str, made: Sequence[Table]) -> str:
    """The page of one data set."""
    parts = [MARK, f"# Leaderboard: {escape(dataset)}", *_introduction(dataset, made)]
    if not made:
        parts.append("**Nothing was measured on this data set yet.**")
    for table in made:
        parts += [*_caption(table), markdown.table(table.frame, left={"loss"}), _note(table), *_further(table)]
    if dataset == PUBLISHED:
        parts += _published()
    return "\n\n".join(parts) + "\n"


def _introduction(dataset: str, made: Sequence[Table]) -> list[str]:
    parts = [
        "Every row is a loss that was trained and evaluated here, by one program. Within a table everything but the "
        "loss and the seed is the same, and the fingerprint, a hash of the resolved configuration, says so. Between "
        "tables nothing is comparable.",
        "AP is LVIS AP in percent, as lvis-api defines it, at 300 detections per image; the records in `results/` "
        'hold it unrounded. APr, APc, APf, AP50 and AP75 are of masks. A "-" stands where the data has no ground '
        "truth to measure, or no ce to compare with.",
    ]
    if dataset.startswith("glyphs"):
        parts.append(
            "**What this page is:** small runs on synthetic data that the package makes itself: rendered glyphs with "
            "a long tail. They show that the whole path works, from data to table, and how the losses behave on a "
            "toy long tail. (On `glyphs` a detector keeps 100 detections per image, of which about six can be right.) "
            "**What it is not:** a ranking of the losses. Their order here says nothing about their "
            "order on LVIS."
        )
    if dataset in FULL_SIZE:
        classes, images = FULL_SIZE[dataset]
        for table in made:
            data = table.records[0].data
            if (data.classes, data.val_images) != (classes, images):
                parts.append(
                    f"**Not {escape(dataset)} in full:** fingerprint `{table.records[0].fingerprint[:12]}` was "
                    f"measured on {data.classes:,} categories and {data.val_images:,} validation images; the data "
                    f"set has {classes:,} and {images:,}. It is not comparable with anybody's {escape(dataset)} "
                    "numbers."
                )
    return parts


def _caption(table: Table) -> list[str]:
    first = table.records[0]
    track, data = first.track, first.data
    setting = escape(f"{track.detector} {track.backbone} {track.schedule}, recipe {track.recipe}")
    facts = [
        f"data: {escape(track.dataset)}, {data.classes:,} categories, {data.train_images:,} training images "
        f"(annotations `{data.train_annotations[:12]}`), {data.val_images:,} validation images "
        f"(annotations `{data.val_annotations[:12]}`)",
        f"detector: {setting}; {_listed(f'{r.epochs} epochs, {r.iterations:,} iterations' for r in table.records)}"
        + ("; mixed precision" if first.amp else ""),
        f"init: {first.init.kind} ({_listed(record.init.description for record in table.records)})",
        f"device: {_listed(f'{r.device.count} x {r.device.name}' for r in table.records)}",
        f"evaluator: {_listed(record.evaluator for record in table.records)}",
        f"seeds: {', '.join(map(str, sorted({record.seed for record in table.records})))}",
        f"fingerprint: `{first.fingerprint}`",
    ]
    if first.detections_per_image is not None:
        facts.append(f"asked of the model: {first.detections_per_image:,} detections per image")
    overrides = sorted({override for record in table.records for override in record.overrides})
    if overrides:
        facts.append(f"changed by hand: {_listed(overrides)}")
    unclean = sum(record.git is None or record.git.dirty for record in table.records)
    if unclean:
        facts.append(f"{unclean} of {len(table.records)} runs came from code that no commit holds")
    parts = [f"## {setting} (fingerprint {first.fingerprint[:12]})", "\n".join(f"- {fact}" for fact in facts)]
    if first.init.kind == "random":
        parts.append(
            "**RANDOM WEIGHTS: the backbone was not pretrained.** These numbers are not comparable with numbers "
            "from pretrained weights."
        )
    return parts


def _listed(texts: Iterable[str]) -> str:
    return "; ".join(escape(text) for text in sorted(set(texts)))


def _note(table: Table) -> str:
    single = set(table.frame["seeds"]) == {"1"}
    spread = "" if single else "± is the sample standard deviation over seeds. "
    return (
        f"{spread}A row of one seed has no ±, and nothing can be said about the significance of its difference to "
        "another: on LVIS, APr alone moves by a point or two between seeds. Training is the mean wall time, "
        "h:mm:ss; memory is the highest peak."
    )


def _further(table: Table) -> list[str]:
    parts = []
    for metric in registry.METRICS:
        if metric.name in table.further:
            frame = table.further[metric.name]
            parts += [f"**{metric.title}**", markdown.table(frame, left={"loss", "classes"})]
    return parts


def _published() -> list[str]:
    source = resources.files("lt_bench.leaderboard").joinpath("published_lvis_v1.csv")
    with resources.as_file(source) as path:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    frame = frame.rename(columns=lambda name: name.replace("_", " "))
    numbers = {"AP mask", "APr", "APc", "APf", "AP box"}
    return [
        "## Published numbers",
        "**Published by others, not measured here.** They come from LVIS v1 in full (1,203 categories, 19,809 "
        "validation images) and from differing samplers, classifiers, mask heads and schedules, so a difference "
        "between two of them is not the difference between two losses. Do not compare them with a table above "
        "unless its recipe is the same. Grade R: stands in the README of the official code. Grade T: transcribed "
        "from a paper.",
        markdown.table(frame.map(lambda cell: escape(cell) or "-"), left=set(frame.columns) - numbers),
    ]

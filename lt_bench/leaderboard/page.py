"""The published pages: one markdown file per data set, made from the records alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import groupby
from pathlib import Path

from lt_bench.evaluation import metrics as registry
from lt_bench.leaderboard import markdown
from lt_bench.leaderboard.caption import caption
from lt_bench.leaderboard.findings import findings
from lt_bench.leaderboard.markdown import escape
from lt_bench.leaderboard.published import DATASET as PUBLISHED
from lt_bench.leaderboard.published import FULL_SIZE as PUBLISHED_SIZE
from lt_bench.leaderboard.published import all_published, beside_measured
from lt_bench.leaderboard.rows import Run
from lt_bench.leaderboard.store import read_all, slug
from lt_bench.leaderboard.tables import Table, tables
from lt_bench.utils.files import write_atomic

MARK = "<!-- Made from the records in results/ by `python -m lt_bench leaderboard`. Changes here are lost. -->"
FULL_SIZE = {PUBLISHED: PUBLISHED_SIZE, "lvis_v0.5": (1230, 5000)}  # categories and validation images
GENERAL = (
    "Every row is a loss that was trained and evaluated here, by one program. Within a table everything but the "
    "loss and the seed is the same, and the fingerprint, a hash of the resolved configuration, says so. Between "
    "tables nothing is comparable.",
    "AP is LVIS AP in percent, as lvis-api defines it, at 300 detections per image; the records in `results/` "
    'hold it unrounded. APr, APc, APf, AP50 and AP75 are of masks. A "-" stands where the data has no ground '
    "truth to measure, or no ce to compare with.",
)
HOW_TO_READ = (
    "How to read a table:\n\n"
    "- **seeds**: the number n of runs, which differ in the seed alone. **±** is the sample standard deviation over "
    "them, so it says how much one run varies, not how sure the mean is. A single run has none: what another seed "
    "would have given is unknown.\n"
    "- **rank**: the places that a loss can hold by mask AP, as far as the data tell: from 1 + the number of losses "
    "that are significantly better, to the number of losses that are not significantly worse. With 1-3 it may be the "
    "best, or only the third. Losses whose difference is not significant share a rank. Significant is a p of at most "
    "5 % after Holm's correction for all pairs of the table, with seeds and images both taken as chance. Of a loss "
    "with a single run, or without evidence, no difference is.\n"
    "- **Δ vs ce [95 %]**: mean mask AP minus that of ce, in points, with its 95 % interval. It covers other seeds of "
    "the same losses and other validation images of the same kind, at once; not other data, detectors, schedules or "
    "hyper-parameters. It is of this one difference, uncorrected. \"seeds only\" marks a narrower one, for these very "
    "images, where evidence is missing. With n = 1 no interval is known. The ends come from "
    f"{RESAMPLES:,} resamples of the images, the same on every machine, and are good to a tenth of a point or so.\n"
    "- **evidence**: verified, where the metrics were recomputed from the evidence beside the record and agree; "
    "unverified, where there is none: those numbers are as their record says.\n"
    "- **training**: mean wall time, h:mm:ss. **memory**: highest peak.",
)


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
    made, left_out = tables(Run(record, evidence_of(path, record)) for path, record in found)
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
        parts += [
            *caption(table),
            markdown.table(table.frame, left={"loss", DELTA, "evidence"}),
            *findings(table.rows, table.standing, toy=_is_toy(dataset)),
            *beside_measured(table.rows),
            *_further(table),
        ]
    if dataset == PUBLISHED:
        parts += all_published()
    return "\n\n".join(parts) + "\n"


def _is_toy(dataset: str) -> bool:
    return dataset.startswith("glyphs")


def _introduction(dataset: str, made: Sequence[Table]) -> list[str]:
    parts = [*GENERAL, *(HOW_TO_READ if made else ())]
    if _is_toy(dataset):
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


def _further(table: Table) -> list[str]:
    parts = []
    for metric in registry.METRICS:
        if metric.name in table.further:
            frame = table.further[metric.name]
            parts += [f"**{metric.title}**", markdown.table(frame, left={"loss", "classes"})]
    return parts

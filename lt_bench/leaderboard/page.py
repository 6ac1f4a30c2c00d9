"""The published pages: one markdown file per data set, made from the records alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import groupby
from pathlib import Path

from lt_bench.evaluation import metrics as registry
from lt_bench.leaderboard import markdown
from lt_bench.leaderboard.caption import caption
from lt_bench.leaderboard.elsewhere import NO_SUCH_TABLE, elsewhere
from lt_bench.leaderboard.findings import findings
from lt_bench.leaderboard.introduction import introduction, is_toy
from lt_bench.leaderboard.markdown import escape
from lt_bench.leaderboard.published import DATASET as PUBLISHED
from lt_bench.leaderboard.published import all_published, beside_measured
from lt_bench.leaderboard.store import read_all, slug
from lt_bench.leaderboard.tables import DELTA, Table, tables
from lt_bench.leaderboard.trust import trust
from lt_bench.leaderboard.verified import verified_run
from lt_bench.utils.files import write_atomic

MARK = "<!-- Made from the records in results/ by `python -m lt_bench leaderboard`. Changes here are lost. -->"


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
    made, left_out = tables(verified_run(path, record) for path, record in found)
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
    trained = [table for table in made if not table.elsewhere]
    parts = [MARK, f"# Leaderboard: {escape(dataset)}", *introduction(dataset, trained)]
    if not trained:
        parts.append(f"**Nothing was {'trained' if made else 'measured'} on this data set yet.**")
    if len(trained) < len(made):
        parts.append(NO_SUCH_TABLE)
    for table in trained:
        parts += [
            *caption(table),
            markdown.table(table.frame, left={"loss", DELTA, "evidence"}),
            *findings(table.rows, table.standing, toy=is_toy(dataset)),
            *trust(table, trained),
            *beside_measured(table.rows),
            *_further(table),
        ]
    for table in made:
        if table.elsewhere:
            parts += [*elsewhere(dataset, table), *_further(table)]
    if dataset == PUBLISHED:
        parts += all_published()
    return "\n\n".join(parts) + "\n"


def _further(table: Table) -> list[str]:
    parts = []
    for metric in registry.METRICS:
        if metric.name in table.further:
            frame = table.further[metric.name]
            parts += [f"**{metric.heading(table.kind)}**", markdown.table(frame, left={"loss", "classes"})]
    return parts

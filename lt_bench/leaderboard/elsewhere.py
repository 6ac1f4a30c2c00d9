"""The tables of predictions that were made elsewhere: measured here, and nothing more is known of them."""

from __future__ import annotations

from lt_bench.evaluation.terms import PLURALS
from lt_bench.leaderboard import markdown
from lt_bench.leaderboard.introduction import FULL_SIZE
from lt_bench.leaderboard.markdown import escape
from lt_bench.leaderboard.tables import DELTA, Table

HEADING = "Measured from predictions made elsewhere"
MEANING = (
    "These predictions were handed in as files and measured here. Nothing was trained here, and how their models were "
    "trained, on what, and with which post-processing, is not known: recipe, detector and backbone may differ from row "
    "to row, so a difference between two rows, or from a row of another table, is not that of their losses. A row has "
    "the name that whoever measured it gave it."
)
NO_SUCH_TABLE = (
    f'What is said above holds for all tables but those headed "{HEADING}", which stand at the end: nothing of theirs '
    "was trained here."
)
OF_TRAINING = ("rank", DELTA, "training", "memory")  # columns that say nothing of such rows


def elsewhere(dataset: str, table: Table) -> list[str]:
    """The paragraphs of such a table: heading, what it is, facts, the rows, and where each is from."""
    data = table.records[0].data
    facts = [
        f"data: {escape(dataset)}, {data.classes:,} categories, {data.val_images:,} validation images (annotations "
        f"`{data.val_annotations[:12]}`)",
        f"evaluator: {'; '.join(sorted({escape(record.evaluator) for record in table.records}))}",
        *_sources(table),
        *_repeated(table),
        *_notes(table),
    ]
    if len(kinds := table.records[0].kinds) == 1:
        alone = PLURALS[kinds[0]]
        facts.append(f"measured: {alone} alone, so that APr, APc, APf, AP50 and AP75 are of {alone}")
    full = FULL_SIZE.get(dataset, (data.classes, data.val_images))
    if full != (data.classes, data.val_images):
        facts.append(f"**not {escape(dataset)} in full**, which has {full[0]:,} categories and {full[1]:,} images")
    frame = table.frame.drop(columns=list(OF_TRAINING)).rename(columns={"loss": "predictions", "seeds": "runs"})
    return [
        f"## {HEADING} (annotations {data.val_annotations[:12]})",
        f"**{HEADING}:** {MEANING}",
        "\n".join(f"- {fact}" for fact in facts),
        markdown.table(frame, left={"predictions", "evidence"}),
    ]


def _sources(table: Table) -> list[str]:
    """What file each run is of, and where it is from."""
    found = []
    for row in table.rows:
        for record in row.records:
            if record.elsewhere is None:
                continue
            source = f", from {escape(record.elsewhere.source)}" if record.elsewhere.source else ""
            found.append(
                f"{escape(record.loss.name)}, run {record.seed}: {escape(record.elsewhere.file)}{source} (sha256 "
                f"`{record.predictions[:12]}`)"
            )
    return found


def _notes(table: Table) -> list[str]:
    """What was seen when they were measured, such as images without a detection; the same of several runs once."""
    runs: dict[str, list[str]] = {}
    for row in table.rows:
        for record in row.records:
            for note in record.notes:
                runs.setdefault(note, []).append(f"{escape(record.loss.name)}, run {record.seed}")
    return [f"**note** on {'; '.join(of)}: {escape(note)}" for note, of in runs.items()]


def _repeated(table: Table) -> list[str]:
    """Runs of the very same predictions: they look like several and tell nothing of what varies."""
    runs: dict[str, list[str]] = {}
    for row in table.rows:
        for record in row.records:
            runs.setdefault(record.predictions, []).append(f"{escape(record.loss.name)}, run {record.seed}")
    return [f"**the same predictions**: {'; '.join(same)}" for same in runs.values() if len(same) > 1]

"""Published numbers, beside what was measured here, with what keeps the two from being compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from lt_bench.data.known import KNOWN
from lt_bench.leaderboard.cells import ABSENT, mean_and_deviation, number_of_runs, points
from lt_bench.leaderboard.markdown import escape, table
from lt_bench.leaderboard.published_list import (
    PAPER,
    SHARED,
    UNKNOWN,
    Settings,
    differences,
    extras,
    matches,
    on_track,
    own_settings,
    published,
    reported_settings,
    unlike,
)
from lt_bench.leaderboard.rows import Row, values
from lt_bench.leaderboard.schema import ResultRecord

DATASET = "lvis_v1"
FULL_SIZE = KNOWN[DATASET].full_size
NUMBERS = {  # of a table: where they are in a record's metrics, and their column in the list
    "mask AP": (("segm", "AP"), "AP_mask"),
    **{name: (("segm", name), name) for name in ("APr", "APc", "APf")},
    "box AP": (("bbox", "AP"), "AP_box"),
}
LEFT = ("loss", "sampler", "classifier", "mask head", "schedule", "differs in", "source", "grade")
EXPLANATION = (
    "A line without a loss is a number that others reported of the loss above it. It can be compared with what was "
    "measured here only where it differs in nothing that is stated, and Δ AP, measured minus reported, is given only "
    "there; even then the list of published numbers says nothing of warm-up, the steps of the learning rate and NMS. "
    "rfs: repeat factor sampling at 1e-3. normed: a cosine classifier, a normalised mask predictor; T = 20 here. "
    "Grade R: stands in the README of the official code. Grade T: transcribed from a paper."
)


def beside_measured(rows: Sequence[Row]) -> list[str]:
    """Paragraphs with measured and reported numbers of a table; none for a data set without published numbers, nor for
    a classifier that was trained alone.
    """
    first = rows[0].records[0]
    if first.track.features is not None:
        return []
    if first.track.dataset != DATASET or (first.data.classes, first.data.val_images) != FULL_SIZE:
        return []
    parts = ["**Reported beside measured**"]
    lines = [line for row in rows for line in _lines(row)]
    if lines:
        parts += [table(pd.DataFrame(lines), left=LEFT), EXPLANATION]
    parts += _best(first)
    without = [row.label for row in rows if matches(row.records[0]).empty]
    if without:
        parts.append(f"Without a published number of this detector, backbone and schedule: {', '.join(without)}.")
    return parts


def _best(record: ResultRecord) -> list[str]:
    """Of each loss the best number that was reported on the track of a record, whether the loss was measured or not."""
    recipe = record.track.recipe
    lines: dict[str, dict[str, str]] = {}
    for _, entry in on_track(record).sort_values("AP_mask", key=pd.to_numeric, ascending=False).iterrows():
        own = SHARED.get(recipe) or PAPER.get(str(entry["loss"]), UNKNOWN)
        differ, unknown = unlike(own, reported_settings(entry))
        if differ or entry["loss"] in lines:
            continue
        lines[str(entry["loss"])] = {
            "loss": escape(entry["loss"]),
            **{name: escape(entry[column]) or ABSENT for name, (_, column) in NUMBERS.items()},
            "schedule": escape(entry["epochs_or_iters"]),
            "beside that": ", ".join(extras(entry)) or ABSENT,
            "not known": ", ".join(unknown) or ABSENT,
            "source": escape(entry["source"]),
            "grade": escape(entry["grade"]),
        }
    if not lines:
        return []
    return [
        "**The best that was reported of each loss** with this detector, backbone and schedule, where sampler, "
        "classifier and mask head are those of this table as far as they are stated, whether it was measured or not:",
        table(pd.DataFrame(lines.values()), left={"loss", "schedule", "beside that", "not known", "source", "grade"}),
    ]


def _lines(row: Row) -> Iterator[dict[str, str]]:
    """What was measured of a loss, and what others reported of it."""
    found = matches(row.records[0])
    if found.empty:
        return
    yield {
        "loss": row.label,
        **{name: _measured(row, path) for name, (path, _) in NUMBERS.items()},
        **_settings(own_settings(row.records[0])),
        "schedule": ", ".join(sorted({f"{record.epochs} epochs" for record in row.records})),
        "differs in": "",
        "Δ AP": "",
        "source": f"measured here, n = {number_of_runs(len(row.runs))}",
        "grade": "",
    }
    for _, entry in found.iterrows():
        differ, unknown = differences(row.records, entry)
        comparable = row.kind == "segm" and not differ and not unknown
        yield {
            "loss": "",
            **{name: escape(entry[column]) or ABSENT for name, (_, column) in NUMBERS.items()},
            **_settings(reported_settings(entry)),
            "schedule": escape(entry["epochs_or_iters"]),
            "differs in": _listed(differ, unknown),
            "Δ AP": points(row.ap() - float(entry["AP_mask"]) / 100) if comparable else ABSENT,
            "source": escape(entry["source"]),
            "grade": escape(entry["grade"]),
        }


def _measured(row: Row, path: tuple[str, str]) -> str:
    if path[0] not in row.records[0].kinds:
        return ABSENT
    return mean_and_deviation(values(row.records, ("metrics", *path)))


def _settings(settings: Settings) -> dict[str, str]:
    return {
        "sampler": settings.sampler or ABSENT,
        "classifier": settings.classifier or ABSENT,
        "mask head": settings.mask_head or ABSENT,
    }


def _listed(differ: Sequence[str], unknown: Sequence[str]) -> str:
    parts = [", ".join(differ), f"not known: {', '.join(unknown)}" if unknown else ""]
    return "; ".join(part for part in parts if part) or "nothing that is stated"


def all_published() -> list[str]:
    """The whole list, as a section of a page."""
    frame = published().rename(columns=lambda name: name.replace("_", " "))
    numbers = {"AP mask", "APr", "APc", "APf", "AP box"}
    return [
        "## Published numbers",
        "**Published by others, not measured here.** They come from LVIS v1 in full (1,203 categories, 19,809 "
        "validation images) and from differing samplers, classifiers, mask heads and schedules, so a difference "
        "between two of them is not the difference between two losses. Do not compare them with a table above "
        "unless its recipe is the same. Grade R: stands in the README of the official code. Grade T: transcribed "
        "from a paper.",
        table(frame.map(lambda cell: escape(cell) or ABSENT), left=set(frame.columns) - numbers),
    ]

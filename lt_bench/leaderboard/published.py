"""Published numbers, beside what was measured here, with what keeps the two from being compared."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import pandas as pd

from lt_bench.data.known import KNOWN
from lt_bench.leaderboard.cells import ABSENT, mean_and_deviation, number_of_runs, points
from lt_bench.leaderboard.markdown import escape, table
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


@dataclass(frozen=True)
class Settings:
    """What moves AP as much as a loss does. An empty text: not stated."""

    sampler: str
    classifier: str
    mask_head: str


UNKNOWN = Settings("", "", "")
COMMON = Settings("rfs", "normed", "normed")  # RFS at 1e-3, NormedLinear and NormedConv2d with T = 20
SHARED = {"common": COMMON, "plain": Settings("random", "linear", "plain")}  # recipes that are the same for all losses
PAPER = {
    "ce": Settings("rfs", "linear", "plain"),
    "ecm": COMMON,
    "eql": Settings("random", "linear", "plain"),
    "eqlv2": Settings("random", "linear", "plain"),
    "federated": Settings("rfs", "linear", "plain"),
    "focal": Settings("random", "linear", "plain"),
    "seesaw": Settings("random", "normed", "plain"),
}
# The list has no column for the classifier. These are of official configs; other sources do not state theirs.
CLASSIFIERS = {
    "janghyuncho/ECM-Loss README": "normed",
    "mmdetection configs/seesaw_loss README": "normed",
    "mmdetection configs/lvis README": "linear",
    "tztztztztz/eqlv2 README": "linear",
}


@cache
def published() -> pd.DataFrame:
    """The list of published numbers, as text; an empty cell is not stated."""
    with resources.as_file(resources.files("lt_bench.leaderboard").joinpath("published_lvis_v1.csv")) as path:
        return pd.read_csv(path, dtype=str, keep_default_na=False)


def own_settings(record: ResultRecord) -> Settings:
    """The sampler, classifier and mask head that a run's recipe has."""
    recipe = record.track.recipe
    return SHARED[recipe] if recipe in SHARED else PAPER.get(record.loss.name, UNKNOWN)


def reported_settings(entry: pd.Series[str]) -> Settings:
    source = str(entry["source"]).partition(" (")[0]
    return Settings(
        sampler=str(entry["sampler"]),
        classifier=CLASSIFIERS.get(source, ""),
        mask_head={"yes": "normed", "no": "plain"}.get(str(entry["normed_mask"]), ""),
    )


def matches(record: ResultRecord) -> pd.DataFrame:
    """The published numbers of a record's detector, backbone, schedule and loss."""
    found, track = published(), record.track
    wanted = {
        "detector": track.detector,
        "backbone": track.backbone,
        "schedule": track.schedule,
        "loss": record.method,
    }
    for column, value in wanted.items():
        found = found[found[column] == value]
    return found


def differences(records: Sequence[ResultRecord], entry: pd.Series[str]) -> tuple[list[str], list[str]]:
    """What the runs of a loss and a published number do not have in common, and what is not stated for sure."""
    first = records[0]
    own, reported = own_settings(first), reported_settings(entry)
    differ, unknown = [], []
    for name, mine, theirs in (
        ("sampler", own.sampler, reported.sampler),
        ("classifier", own.classifier, reported.classifier),
        ("mask head", own.mask_head, reported.mask_head),
    ):
        if not mine or not theirs or theirs.endswith("?"):
            unknown.append(name)
        elif mine != theirs:
            differ.append(name)
    epochs = re.fullmatch(r"(\d+)ep", str(entry["epochs_or_iters"]))
    others = {
        "schedule": epochs is None or any(record.epochs != int(epochs[1]) for record in records),
        "NMS": "NMS" in str(entry["source"]),
        "weights (random here)": first.init.kind != "pretrained",
        "hyper-parameters": bool(first.loss.non_default) or bool(first.calibration and first.calibration.non_default),
        "what was changed by hand": any(record.overrides for record in records),
    }
    return [*differ, *(name for name, found in others.items() if found)], unknown


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
    without = [row.label for row in rows if matches(row.records[0]).empty]
    if without:
        parts.append(f"Without a published number of this detector, backbone and schedule: {', '.join(without)}.")
    return parts


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

"""The list of published numbers, and in what one of them is like a run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import pandas as pd

from lt_bench.leaderboard.schema import ResultRecord


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
    "acsl": Settings("random", "linear", "plain"),
    "bags": Settings("random", "linear", "plain"),
    "balanced_softmax": Settings("rfs", "linear", "plain"),
    "bce": Settings("random", "linear", "plain"),
    "ce": Settings("rfs", "linear", "plain"),
    "class_balanced": Settings("random", "linear", "plain"),
    "droploss": Settings("random", "linear", "plain"),
    "efl": Settings("rfs", "linear", "plain"),
    "gol": Settings("rfs", "linear", "normed"),
    "gumbel_ce": Settings("random", "linear", "plain"),
    "iif": Settings("rfs", "normed", "normed"),
    "ldam": Settings("random", "normed", "plain"),
    "loce": Settings("random", "linear", "normed"),
    "logit_adjustment": Settings("random", "linear", "plain"),
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
    "kostas1515/FRACAL README": "normed",
    "kostas1515/iif README": "normed",
    "mmdetection configs/seesaw_loss README": "normed",
    "mmdetection configs/lvis README": "linear",
    "tztztztztz/eqlv2 README": "linear",
}

# What a source names in brackets and no column says: an NMS of its own, an augmentation of features, another
# upsampling, another activation.
EXTRAS = ("NMS", "FASA", "CARAFE", "APA")


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


def extras(entry: pd.Series[str]) -> list[str]:
    """What a published number has beside its loss and its settings."""
    return [name for name in EXTRAS if re.search(rf"\b{name}\b", str(entry["source"]))]


def matches(record: ResultRecord) -> pd.DataFrame:
    """The published numbers of a record's detector, backbone, schedule and loss."""
    found = on_track(record)
    return found[found["loss"] == record.method]


def on_track(record: ResultRecord) -> pd.DataFrame:
    """The published numbers of a record's detector, backbone and schedule."""
    found, track = published(), record.track
    for column in ("detector", "backbone", "schedule"):
        found = found[found[column] == getattr(track, column)]
    return found


def differences(records: Sequence[ResultRecord], entry: pd.Series[str]) -> tuple[list[str], list[str]]:
    """What the runs of a loss and a published number do not have in common, and what is not stated for sure."""
    first = records[0]
    differ, unknown = unlike(own_settings(first), reported_settings(entry))
    epochs = re.fullmatch(r"(\d+)ep", str(entry["epochs_or_iters"]))
    others = {
        "schedule": epochs is None or any(record.epochs != int(epochs[1]) for record in records),
        **{name: True for name in extras(entry)},
        "weights (random here)": first.init.kind != "pretrained",
        "hyper-parameters": bool(first.loss.non_default) or bool(first.calibration and first.calibration.non_default),
        "what was changed by hand": any(record.overrides for record in records),
    }
    return [*differ, *(name for name, found in others.items() if found)], unknown


def unlike(own: Settings, reported: Settings) -> tuple[list[str], list[str]]:
    """The settings in which two differ, and those that one of them does not state for sure."""
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
    return differ, unknown

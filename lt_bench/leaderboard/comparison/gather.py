"""Runs grouped into losses, with their evidence, and whether they can be compared at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lt_bench.errors import UserError
from lt_bench.evaluation.evidence.evidence import Evidence
from lt_bench.evaluation.evidence.file import read_evidence
from lt_bench.evaluation.terms import KINDS, PLURALS, BoxOrMask
from lt_bench.leaderboard.comparison.arguments import UNFINISHED, Named, Recorded
from lt_bench.leaderboard.comparison.checks import (
    decoupled_notes,
    differences,
    elsewhere_notes,
    refuse_broken_seals,
    refuse_one,
    refuse_other_truth,
    refuse_repeated_seeds,
    refuse_shared_runs,
    seed_notes,
    unfinished_notes,
    without_evidence,
)
from lt_bench.leaderboard.comparison.settings import loss_key, names_of, setting
from lt_bench.leaderboard.files import files_of
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.utils.files import sha256_of


@dataclass(frozen=True, eq=False)
class Run:
    """path, evidence_path: of the record and of its evidence."""

    path: Path
    record: ResultRecord
    evidence_path: Path
    evidence: Evidence


@dataclass(frozen=True, eq=False)
class Loss:
    """The runs of one loss, a seed each, by seed. name: unique in a comparison."""

    name: str
    runs: tuple[Run, ...]


def gather(arguments: Iterable[Named], across_tracks: bool = False) -> tuple[list[Loss], list[str]]:
    """The losses to compare, in the order of the arguments, and what their reader must know.

    Runs under one given name are one loss, and so are runs of one loss without a given name. Raises UserError when
    there are fewer than two, when their settings differ (unless `across_tracks`), when a run or a seed occurs twice,
    when a record was changed by hand, or when they were not measured on the same images, categories and objects.

    Of a loss that is named on a board, runs without evidence are left out while others have it.
    """
    arguments, notes = _complete(arguments)
    groups = _groups(arguments)
    refuse_one(groups)
    refuse_broken_seals(one for recorded in groups.values() for one in recorded)
    refuse_shared_runs(groups)
    for recorded in groups.values():
        refuse_repeated_seeds(recorded)
    notes = differences([one for recorded in groups.values() for one in recorded], across_tracks) + notes
    losses = [
        Loss(name, tuple(load(*one) for one in sorted(recorded, key=lambda one: one[1].seed)))
        for name, recorded in groups.items()
    ]
    refuse_other_truth([(run.evidence_path, run.evidence) for loss in losses for run in loss.runs])
    notes += seed_notes({loss.name: [run.record.seed for run in loss.runs] for loss in losses})
    records = [run.record for loss in losses for run in loss.runs]
    return losses, [*notes, *decoupled_notes(records), *elsewhere_notes(records)]


def kind_of(losses: Sequence[Loss], asked: BoxOrMask | None) -> tuple[BoxOrMask, list[str]]:
    """Masks, or boxes where a run has no masks, and then a note. Raises UserError when what is asked for is missing."""
    runs = [run for loss in losses for run in loss.runs]
    without = {kind: [run.evidence_path for run in runs if not _measured(run, kind)] for kind in KINDS}
    if asked is not None and without[asked]:
        raise UserError(
            f"{without[asked][0]} knows nothing of {PLURALS[asked]}", f"leave out --kind {asked}, or evaluate them too"
        )
    if asked is not None or not without["segm"]:
        return asked or "segm", []
    if without["bbox"]:
        raise UserError("neither boxes nor masks were evaluated in every run", "evaluate the same in all of them")
    if len(without["segm"]) == len(runs):
        return "bbox", ["boxes are compared: none of the runs has masks"]
    others = f" (and {len(without['segm']) - 1} more of {len(runs)} runs)" if len(without["segm"]) > 1 else ""
    return "bbox", [f"boxes are compared, since {without['segm'][0]}{others} knows nothing of masks"]


def _measured(run: Run, kind: BoxOrMask) -> bool:
    return kind in run.record.kinds and kind in run.evidence.outcomes


def load(path: Path, record: ResultRecord) -> Run:
    """A run with its evidence. Raises UserError when it has none, or not that of this record."""
    place = files_of(path).evidence
    if not place.is_file():
        raise UserError(f"{path} has no evidence beside it: images can't be resampled", _how_to_get(path))
    digest = record.evidence
    if digest is not None and sha256_of(place) != digest:
        raise UserError(
            f"{place} is not the evidence that {path} names: its digest is another", "restore it, or evaluate again"
        )
    evidence = read_evidence(place)
    if evidence.predictions != record.predictions:
        raise UserError(f"{place} is of other predictions than {path}", _how_to_get(path))
    return Run(path, record, place, evidence)


def _complete(arguments: Iterable[Named]) -> tuple[list[Named], list[str]]:
    """The arguments without the runs that have no evidence, as far as these may be left out, and what to say of it."""
    arguments = list(arguments)
    notes, found = unfinished_notes(arguments), []
    for argument in arguments:
        left_out = without_evidence(argument)
        if left_out:
            names = ", ".join(f"seed {record.seed} of {record.method} ({path})" for path, record in left_out)
            notes.append(f"without evidence, so left out: {names}")
        found.append(replace(argument, runs=tuple(one for one in argument.runs if one not in left_out)))
    return found, notes


def _how_to_get(record: Path) -> str:
    if record.with_name(UNFINISHED).is_file():
        return (
            f"give the `run` command of {record.parent} again: it makes the evidence from the predictions there, "
            "without training"
        )
    return (
        "where the run's folder is, give its `run` command again, which makes the evidence without training, and add "
        "the folder to the board; or make it from the predictions: python -m lt_bench eval PREDICTIONS --annotations "
        f"ANNOTATIONS --evidence {files_of(record).evidence}"
    )


def _groups(arguments: Iterable[Named]) -> dict[str, list[Recorded]]:
    """Name -> runs, each once."""
    given: dict[tuple[str, ...], list[Recorded]] = {}
    for argument in arguments:
        for path, record in argument.runs:
            key = ("", argument.name) if argument.name else (*loss_key(record), *setting(record).values())
            runs = given.setdefault(key, [])
            if not any(path.resolve() == other.resolve() for other, _ in runs):
                runs.append((path, record))
    for key, runs in given.items():
        for path, record in runs:
            if loss_key(record) != loss_key(runs[0][1]):
                raise UserError(
                    f"{key[1]} would mix losses: {runs[0][0]} is of {runs[0][1].method}, {path} of "
                    f"{record.method} (or of other hyper-parameters)",
                    "one name for the seeds of one loss",
                )
    own = [runs[0][1] for key, runs in given.items() if key[0]]
    own_names = iter(_unique(names_of(own), own))
    return _with_names([next(own_names) if key[0] else key[1] for key in given], list(given.values()))


def _with_names(names: Sequence[str], groups: Sequence[list[Recorded]]) -> dict[str, list[Recorded]]:
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two losses would both be called {name}", "give one another name: NAME=PATH")
    return dict(zip(names, groups, strict=True))


def _unique(names: Sequence[str], records: Sequence[ResultRecord]) -> list[str]:
    """The same loss in two settings: told apart by its fingerprint, or where that is the same by what does differ."""
    found = []
    for name, record in zip(names, records, strict=True):
        same = [setting(other) for its_name, other in zip(names, records, strict=True) if its_name == name]
        words = [
            value if key != "fingerprint" else f"fingerprint {value}"
            for key, value in setting(record).items()
            if any(other[key] != value for other in same)
        ]
        found.append(f"{name} ({', '.join(words)})" if words else name)
    return found

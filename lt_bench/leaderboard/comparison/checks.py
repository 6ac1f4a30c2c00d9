"""Whether runs can be compared at all: what is refused, and what a reader must know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lt_bench.errors import UserError
from lt_bench.evaluation.evidence.evidence import Evidence
from lt_bench.leaderboard.comparison.arguments import Named, Recorded
from lt_bench.leaderboard.comparison.settings import missing_seeds, setting
from lt_bench.leaderboard.files import files_of
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.seal import broken

SEALED_SINCE = 3  # version of the schema


def refuse_one(groups: Mapping[str, Sequence[Recorded]]) -> None:
    """Raises UserError when there are fewer than two losses."""
    if len(groups) > 1:
        return
    (name, runs) = next(iter(groups.items()), ("", []))
    if not runs:
        raise UserError("nothing to compare", "give two or more run folders, records or losses of a board")
    if len(runs) == 1:
        raise UserError(f"{name} alone can't be compared", "give a second run folder, record or loss of a board")
    raise UserError(
        f"all {len(runs)} runs are of {name}: seeds of one loss",
        "add another loss; to compare the loss with itself, name two groups: one=PATH other=PATH",
    )


def refuse_repeated_seeds(runs: Sequence[Recorded]) -> None:
    """Raises UserError when two runs of one loss have the same seed: a repeated run adds no evidence."""
    places: dict[int, Path] = {}
    for path, record in runs:
        if record.seed in places:
            raise UserError(
                f"seed {record.seed} of {record.method} was given twice: {places[record.seed]} and {path}",
                "leave one out, or tell the two apart by name: one=PATH other=PATH",
            )
        places[record.seed] = path


def refuse_broken_seals(runs: Iterable[Recorded]) -> None:
    """Raises UserError for a record that was changed after it was written. Its seed, say, decides what is paired."""
    for path, record in runs:
        fields = broken(record.model_dump(mode="json")) if record.schema_version >= SEALED_SINCE else []
        if fields:
            changed = f"changed by hand: {', '.join(fields)}" if record.seal else "without its seal"
            raise UserError(
                f"{path} is not as it was written, but {changed}",
                "restore it; `python -m lt_bench verify` says what does not hold",
            )


def refuse_shared_runs(groups: Mapping[str, Sequence[Recorded]]) -> None:
    """Raises UserError when one run stands in two groups: it would be compared with itself."""
    places: dict[str, tuple[str, Path]] = {}
    for name, runs in groups.items():
        for path, record in runs:
            other, place = places.setdefault(record.model_dump_json(), (name, path))
            if other != name:
                raise UserError(
                    f"{other} and {name} share a run: {place} and {path} are one and the same record",
                    "a run differs from itself in nothing; give each name runs of its own",
                )


def without_evidence(argument: Named) -> list[Recorded]:
    """The runs to leave out: of a loss named on a board, when others of its runs have evidence."""
    lacking = [one for one in argument.runs if not files_of(one[0]).evidence.is_file()]
    return lacking if argument.on_board and len(lacking) < len(argument.runs) else []


def unfinished_notes(arguments: Iterable[Named]) -> list[str]:
    """Which runs are not finished, and so not in the comparison."""
    found = [str(folder) for argument in arguments for folder in argument.unfinished]
    return [f"not finished, so left out: {', '.join(found)}"] if found else []


def differences(runs: Sequence[Recorded], allowed: bool) -> list[str]:
    """What differs between the runs beside loss and seed. Raises UserError when that is not allowed."""
    first = setting(runs[0][1])
    for path, record in runs[1:]:
        differ = [f"{key} {first[key]} and {value}" for key, value in setting(record).items() if value != first[key]]
        if differ and not allowed:
            raise UserError(
                f"{runs[0][0]} and {path} differ in more than the loss: {'; '.join(differ)}",
                "a difference between them is not that of their losses; --across-tracks compares them all the same",
            )
        if differ:
            return [
                "ACROSS TRACKS: the runs differ in more than the loss, so no difference here is that of two losses: "
                f"{'; '.join(differ)}"
            ]
    return []


def decoupled_notes(records: Iterable[ResultRecord]) -> list[str]:
    """What runs of a classifier alone can't say."""
    names = sorted({record.track.features for record in records if record.track.features is not None})
    if not names:
        return []
    return [
        f"decoupled: the classifier alone was trained, on the stored features of {', '.join(names)}; this says nothing "
        "of training in full"
    ]


def elsewhere_notes(records: Iterable[ResultRecord]) -> list[str]:
    """What is not known of predictions that were made elsewhere."""
    if all(record.elsewhere is None for record in records):
        return []
    return [
        "predictions made elsewhere: how their models were trained is not known, so a difference is that of the "
        "predictions, not of losses"
    ]


def refuse_other_truth(runs: Sequence[tuple[Path, Evidence]]) -> None:
    """Raises UserError when not all runs were measured on the same images, categories and objects."""
    path, evidence = runs[0]
    for other_path, other in runs[1:]:
        if not evidence.same_truth(other):
            raise UserError(
                f"{path} and {other_path} were not measured on the same data: {_what_differs(evidence, other)}",
                "evaluate both on the same annotation file",
            )


def _what_differs(one: Evidence, other: Evidence) -> str:
    for name, words in (("image_ids", "images"), ("category_ids", "categories")):
        ids, others = set(getattr(one, name).tolist()), set(getattr(other, name).tolist())
        if ids != others:
            return f"{len(ids):,} and {len(others):,} {words}, of which {len(ids & others):,} are the same"
    if one.frequency != other.frequency:
        return "the frequency groups of some categories differ"
    return (
        f"the objects of the same images differ ({int(one.object_count[:, 0].sum()):,} and "
        f"{int(other.object_count[:, 0].sum()):,} to be found)"
    )


def seed_notes(seeds: Mapping[str, Sequence[int]]) -> list[str]:
    """Which seeds are missing where, when the losses have different ones."""
    lists = [f"{name} lacks {', '.join(map(str, lacking))}" for name, lacking in missing_seeds(seeds).items()]
    if not lists:
        return []
    return [f"the losses have different seeds ({'; '.join(lists)}); runs of different seeds are no pairs"]

"""What two runs must have in common before their difference is that of their losses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from lt_bench.leaderboard.not_known import ELSEWHERE
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.schema_run import Calibration, Method, Track

AnyRun = TypeVar("AnyRun")


def setting(record: ResultRecord, digits: int | None = 12) -> dict[str, str]:
    """Everything but the loss and the seed, in words. digits: so many of a digest, None for all."""
    track, data = record.track, record.data
    return {
        "data set": track.dataset,
        "detector": track.detector,
        "backbone": track.backbone,
        "schedule": track.schedule,
        "recipe": track.recipe,
        "training": _training(record),
        "fingerprint": record.fingerprint[:digits],
        "training annotations": data.train_annotations[:digits],
        "validation annotations": data.val_annotations[:digits],
        "training images": f"{data.train_images:,}",
        "validation images": f"{data.val_images:,}",
        "image files": data.image_files[:digits] if data.image_files else "not known",
        "initialisation": record.init.kind,
        "mixed precision": "yes" if record.amp else "no",
    }


def _training(record: ResultRecord) -> str:
    if record.elsewhere is not None:
        return "elsewhere"
    features = record.track.features
    return "in full" if features is None else f"decoupled, features of {features}"


def loss_key(record: ResultRecord) -> tuple[str, ...]:
    """Equal for two runs of one loss and calibration: of both name, distribution, its version, hyper-parameters."""
    return *_method_key(record.loss), *(() if record.calibration is None else _method_key(record.calibration))


def _method_key(method: Method) -> tuple[str, ...]:
    """What is chosen for each seed by one rule is that rule, whatever comes out."""
    tuned = _tuned(method)
    given = {name: value for name, value in method.hyper_parameters.items() if tuned is None or name not in tuned}
    parameters = json.dumps(given | ({} if tuned is None else {"tuned": tuned}), sort_keys=True)
    return method.name, method.distribution, method.distribution_version, parameters


def _tuned(method: Method) -> dict[str, str] | None:
    """The hyper-parameter that was chosen on training images, with the rule."""
    found = method.tuned if isinstance(method, Calibration) else None
    return None if found is None else {found.hyper_parameter: found.rule}


def newest(
    runs: Iterable[AnyRun], record_of: Callable[[AnyRun], ResultRecord]
) -> tuple[list[AnyRun], list[tuple[AnyRun, AnyRun]]]:
    """The runs without those that were started again: a seed counts once, since a repeated run adds no evidence.

    Returns the runs that stay, and each that does not with the one that took its place. Of runs that are equal in all
    their record says, the last one stays.
    """
    kept: dict[tuple[str, ...], AnyRun] = {}
    replaced = []
    for run in sorted(runs, key=lambda run: (record_of(run).started, record_of(run).model_dump_json())):
        record = record_of(run)
        key = (*setting(record, digits=None).values(), *loss_key(record), str(record.seed))
        if key in kept:
            replaced.append((kept[key], run))
        kept[key] = run
    return list(kept.values()), replaced


def heading(record: ResultRecord) -> str:
    """The track of a run, as the page of its data set has it for a heading, with the data set before it."""
    return f"{record.track.dataset}: {title(record.track)} (fingerprint {record.fingerprint[:12]})"


def title(track: Track) -> str:
    """A track in words, without its data set."""
    if track.schedule == ELSEWHERE:
        return "measured from predictions made elsewhere"
    detector = f"{track.detector} {track.backbone}"
    if track.features is not None:
        return f"decoupled, features of {track.features}, recipe {track.recipe}, {detector}"
    return f"{detector} {track.schedule}, recipe {track.recipe}"


def is_track(text: str, record: ResultRecord) -> bool:
    """Whether `text` names the track of a run: its heading, with or without data set and fingerprint, the words of it
    from the left, the data set alone, or the first digits (at least 6) of the fingerprint.
    """
    asked, whole = _plain(text), _plain(heading(record))
    dataset, _, words = whole.partition(": ")
    if re.fullmatch(r"[0-9a-f]{6,64}", asked):
        return record.fingerprint.startswith(asked)
    return bool(asked) and any(
        asked == name or name.startswith(f"{asked} ") or name.startswith(f"{asked},")
        for name in (dataset, whole, words)
    )


def names_of(losses: Sequence[ResultRecord]) -> list[str]:
    """A name for each, unambiguous: the loss, and its calibration after a plus, each with the hyper-parameters in which
    it differs from others of its name or from its defaults, and with its distribution where the same name comes from
    two.
    """
    every = [method for record in losses for method in methods_of(record)]
    names = []
    for record in losses:
        parts = []
        for method in methods_of(record):
            same = [other for other in every if type(other) is type(method) and other.name == method.name]
            shown = telling_parameters(method, every)
            if len({(other.distribution, other.distribution_version) for other in same}) > 1:
                shown.append(f"{method.distribution} {method.distribution_version}")
            parts.append(method.name + (f" ({', '.join(shown)})" if shown else ""))
        names.append(" + ".join(parts))
    return names


def methods_of(record: ResultRecord) -> list[Method]:
    """Its loss, and its calibration if it has one."""
    return [record.loss] if record.calibration is None else [record.loss, record.calibration]


def telling_parameters(own: Method, methods: Iterable[Method]) -> list[str]:
    """The hyper-parameters (name=value) that are not at their defaults or differ between those of that name and kind,
    losses or calibrations; of one that was chosen on training images "name tuned".
    """
    same = [other for other in methods if type(other) is type(own) and other.name == own.name]
    tuned = _tuned(own) or {}
    given = [
        f"{name}={value}"
        for name, value in sorted(own.hyper_parameters.items())
        if name not in tuned
        and (name in own.non_default or any(_differ(value, other.hyper_parameters.get(name)) for other in same))
    ]
    rules = {rule for other in same for rule in (_tuned(other) or {}).values()}
    return [*given, *(f"{name} tuned" + (f" by {rule}" if len(rules) > 1 else "") for name, rule in tuned.items())]


def missing_seeds(seeds: Mapping[str, Collection[int]]) -> dict[str, list[int]]:
    """The seeds that one lacks and another has, by their names; those that have all are left out."""
    wanted = set().union(*seeds.values())
    lacking = {name: sorted(wanted.difference(own)) for name, own in seeds.items()}
    return {name: missing for name, missing in lacking.items() if missing}


def _differ(one: object, other: object) -> bool:
    return (type(one), one) != (type(other), other)


def _plain(text: str) -> str:
    """Without what markdown puts before characters, and in lower case."""
    return " ".join(text.replace("\\", "").strip("# ").lower().split())

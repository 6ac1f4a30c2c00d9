"""What two runs must have in common before their difference is that of their losses."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from lt_bench.leaderboard.schema import ResultRecord


def setting(record: ResultRecord) -> dict[str, str]:
    """Everything but the loss and the seed, in words."""
    track, data = record.track, record.data
    return {
        "data set": track.dataset,
        "detector": track.detector,
        "backbone": track.backbone,
        "schedule": track.schedule,
        "recipe": track.recipe,
        "fingerprint": record.fingerprint[:12],
        "training annotations": data.train_annotations[:12],
        "validation annotations": data.val_annotations[:12],
        "training images": f"{data.train_images:,}",
        "validation images": f"{data.val_images:,}",
        "initialisation": record.init.kind,
        "mixed precision": "yes" if record.amp else "no",
    }


def loss_key(record: ResultRecord) -> tuple[str, ...]:
    """Equal for two runs of one loss: name, distribution, its version, hyper-parameters."""
    loss = record.loss
    parameters = json.dumps(loss.hyper_parameters, sort_keys=True)
    return loss.name, loss.distribution, loss.distribution_version, parameters


def heading(record: ResultRecord) -> str:
    """The track of a run, as the page of its data set has it for a heading, with the data set before it."""
    track = record.track
    words = f"{track.detector} {track.backbone} {track.schedule}, recipe {track.recipe}"
    return f"{track.dataset}: {words} (fingerprint {record.fingerprint[:12]})"


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
    """A name for each, unambiguous: the loss, with the hyper-parameters in which it differs from others of its name or
    from its defaults, and with its distribution where the same name comes from two.
    """
    names = []
    for record in losses:
        loss = record.loss
        others = [other.loss for other in losses if other.loss.name == loss.name]
        shown = [
            f"{name}={value}"
            for name, value in sorted(loss.hyper_parameters.items())
            if name in loss.non_default or any(_differ(value, other.hyper_parameters.get(name)) for other in others)
        ]
        sources = {(other.distribution, other.distribution_version) for other in others}
        if len(sources) > 1:
            shown.append(f"{loss.distribution} {loss.distribution_version}")
        names.append(loss.name + (f" ({', '.join(shown)})" if shown else ""))
    return names


def _differ(one: object, other: object) -> bool:
    return (type(one), one) != (type(other), other)


def _plain(text: str) -> str:
    """Without what markdown puts before characters, and in lower case."""
    return " ".join(text.replace("\\", "").strip("# ").lower().split())

"""Boards made up for the study: losses of known skill in several tracks, on the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from made_runs import write_run

FEATURES, SECOND = "ce_0_11111111", "ecm_1_22222222"
SKILLS = {"ce": 0.25, "ecm": 0.8, "eqlv2": 0.55, "seesaw": 0.4}


def write_track(
    results: Path,
    recipe: str,
    features: str | None,
    skills: Mapping[str, float] = SKILLS,
    seeds: Sequence[int] = (0, 1, 2),
    dataset: str = "glyphs-lt",
    masks: bool | None = None,
    **fields: Any,
) -> None:
    """Records with evidence. masks: of masks too; None for boxes alone where there are features."""
    track = {"dataset": dataset, "detector": "mask_rcnn", "backbone": "r50", "schedule": "1x", "recipe": recipe}
    if features is not None:
        track |= {"schedule": "probe", "features": features}
    name = f"{dataset}_{recipe}_{features}_{len(list(results.glob('*')))}"
    for loss, skill in skills.items():
        for seed in seeds:
            write_run(
                results / name / f"{loss}_{seed}",
                loss,
                skill,
                seed,
                masks=features is None if masks is None else masks,
                track=track,
                **{"fingerprint": "f" * 64, **fields},
            )

"""The result record: everything one run leaves for others to compare.

The schema is closed (an unknown field is an error), bounded (no string or list can be huge) and versioned. A field
that is added, removed or read differently makes a new `schema_version`. Version 2 added the metrics on request,
version 3 the evidence and the seal, version 4 runs of a classifier alone on stored features, and records of boxes
without masks, version 5 predictions that were made elsewhere, version 6 records of masks without boxes, version 7
optimizer steps that were skipped, version 8 calibrations, version 9 the digest of the image files; a record of an
earlier version has none of them and is read and written as ever.
The blocks are in `schema_run` and `schema_metrics`; here is what they have to do with each other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import timezone
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, Field, model_validator

from lt_bench.evaluation import metrics as registry
from lt_bench.evaluation.terms import KINDS, PLURALS, BoxOrMask
from lt_bench.leaderboard.not_known import (
    NOT_KNOWN,
    contradictions,
    with_what_is_not_known,
    without_what_is_not_known,
)
from lt_bench.leaderboard.schema_base import Count, Extended, Flag, Model, Name, Seal, Seconds, Sha256, Text, since
from lt_bench.leaderboard.schema_metrics import BoxAndMask, BoxAndMaskErrors, ClassResult, Metrics
from lt_bench.leaderboard.schema_run import Calibration, Data, Device, Elsewhere, Git, Init, Loss, Memory, Track

CURRENT: Final = 9  # version
WITHOUT_SINCE: dict[BoxOrMask, int] = {"segm": 4, "bbox": 6}  # the version that may lack what was there always
PROBE = "probe"  # the schedule of a classifier that is trained alone


class ResultRecord(Extended):
    """One run: one loss, one seed, one track; or, with `elsewhere`, predictions of which nothing else is known: there
    the loss's name is what the predictions are called, and the fields in `not_known.NOT_KNOWN` are not in the file.

    metrics: LVIS AP, at 300 detections per image. ap_fixed: AP with the best 10,000 detections of each class instead.
    ap_boundary: LVIS AP by boundary IoU. errors: what costs how much AP. detections_per_image: how many the model was
    asked for, where a run's protocol says so. evidence: SHA-256 of what `metrics` can be computed from (see
    `lt_bench.evaluation.evidence.file`). skipped_steps: of `iterations`, those whose loss or gradient was not finite,
    absent where there was none. calibration: what its scores were calibrated with, absent where they are the loss's
    own; all that is said of training is then that of the classifier. seal: a short digest of every other field, set on
    writing (see `lt_bench.leaderboard.seal`).
    """

    schema_version: Literal[1, 2, 3, 4, 5, 6, 7, 8, 9] = CURRENT
    loss: Loss
    track: Track
    fingerprint: Sha256
    seed: Count
    init: Init
    metrics: BoxAndMask
    per_class: Annotated[tuple[ClassResult, ...], Field(max_length=100_000)]
    evaluator: Name
    training_seconds: Seconds
    evaluation_seconds: Seconds
    iterations: Count
    epochs: Count
    memory: Memory
    device: Device
    versions: Annotated[dict[Name, Name], Field(max_length=200)]
    git: Git | None
    data: Data
    predictions: Sha256
    started: AwareDatetime
    overrides: Annotated[tuple[Text, ...], Field(max_length=500)] = ()
    amp: Flag = False
    notes: Annotated[tuple[Text, ...], Field(max_length=100)] = ()
    ap_fixed: BoxAndMask | None = None
    ap_boundary: Metrics | None = None
    errors: BoxAndMaskErrors | None = None
    detections_per_image: Annotated[int, Field(strict=True, ge=1)] | None = None
    evidence: Sha256 | None = None
    elsewhere: Elsewhere | None = None
    skipped_steps: Annotated[int, Field(strict=True, ge=1, le=2**63 - 1)] | None = None
    calibration: Calibration | None = None
    seal: Annotated[dict[Text, Seal], Field(max_length=1000)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, content: Any) -> Any:
        return with_what_is_not_known(content)

    def _in_full(self) -> dict[str, Any]:
        """As plain values, with those that stand for nothing."""
        blocks = {name: getattr(self, name) for name in NOT_KNOWN}
        return {name: value.model_dump() if isinstance(value, Model) else value for name, value in blocks.items()}

    def _written(self, content: dict[str, Any]) -> dict[str, Any]:
        return content if self.elsewhere is None else without_what_is_not_known(content)

    @model_validator(mode="after")
    def _consistent(self) -> ResultRecord:
        new = [key for model in (self, self.track, self.data, *self.per_class) for key in model.extensions()]
        for key in new:
            if self.schema_version < since(key):
                raise ValueError(f"schema_version {self.schema_version} has no {key}")
        if self.schema_version >= since("features") and (self.track.features is None) == (self.track.schedule == PROBE):
            raise ValueError(f"track.features and track.schedule do not fit: features go with the schedule {PROBE!r}")
        if (self.elsewhere is None) != (self.init.kind != "unknown"):
            raise ValueError("init.kind is unknown of predictions made elsewhere, and of no others")
        if self.elsewhere is not None and (known := contradictions(self._in_full())):
            raise ValueError(f"{known[0]} can't be known of predictions made elsewhere")
        if self.elsewhere is not None and self.calibration is not None:
            raise ValueError("calibration can't be known of predictions made elsewhere")
        if (self.skipped_steps or 0) > self.iterations:
            raise ValueError(f"skipped_steps is {self.skipped_steps}, of {self.iterations} iterations")
        if self.started.utcoffset() != timezone.utc.utcoffset(None):
            raise ValueError("started is not in UTC")
        ids = {entry.id for entry in self.per_class}
        if len(ids) != len(self.per_class):
            raise ValueError("per_class names a category twice")
        if len(ids) != self.data.classes:
            raise ValueError(f"per_class has {len(ids)} categories, data.classes says {self.data.classes}")
        return self

    @model_validator(mode="after")
    def _each_kind_everywhere_or_nowhere(self) -> ResultRecord:
        if not self.kinds:
            raise ValueError("metrics has neither bbox nor segm")
        for kind, word in PLURALS.items():
            places = list(self._places(kind))
            if kind in self.kinds:
                missing = next((place for place, found, owed in places if owed and not found), None)
                if missing:
                    raise ValueError(f"{missing} is missing, though metrics.{kind} says that {word} were measured")
                continue
            if self.schema_version < WITHOUT_SINCE[kind]:
                raise ValueError(f"schema_version {self.schema_version} has {word}, and metrics.{kind} is missing")
            surplus = next((place for place, found, _ in places if found), None)
            if surplus:
                raise ValueError(f"{surplus} is of {word}, and metrics.{kind} says that none were measured")
        if "bbox" not in self.kinds and self.elsewhere is None:
            raise ValueError("metrics.bbox is missing: only predictions made elsewhere are measured by masks alone")
        return self

    def _places(self, kind: BoxOrMask) -> Iterator[tuple[str, bool, bool]]:
        """Where there are numbers of boxes or of masks: the place, whether they are there, and whether they must be as
        soon as that kind was measured."""
        for name, block in (("metrics", self.metrics), ("ap_fixed", self.ap_fixed), ("errors", self.errors)):
            if block is not None:
                yield f"{name}.{kind}", getattr(block, kind) is not None, True
        if kind == "segm":
            yield "ap_boundary", self.ap_boundary is not None, False
        for row in self.per_class:
            yield f"per_class.{row.id}.{kind}", getattr(row, kind) is not None, True
            yield f"per_class.{row.id}.{kind}_fixed", getattr(row, f"{kind}_fixed") is not None, False
            if kind == "segm":
                yield f"per_class.{row.id}.boundary", row.boundary is not None, False

    @property
    def kinds(self) -> tuple[BoxOrMask, ...]:
        """What was measured: boxes, masks, or both."""
        return tuple(kind for kind in KINDS if getattr(self.metrics, kind) is not None)

    @property
    def kind(self) -> BoxOrMask:
        """What its main AP is of: of masks where they were measured, else of boxes."""
        return self.kinds[-1]

    @property
    def method(self) -> str:
        """What was compared, without hyper-parameters: the loss's name, with that of a calibration "ce + norcal"."""
        return self.loss.name if self.calibration is None else f"{self.loss.name} + {self.calibration.name}"

    def measured(self) -> set[str]:
        """The names of the metrics that it has, of those in `lt_bench.evaluation.metrics`."""
        return {metric.name for metric in registry.METRICS if getattr(self, metric.record_field, None) is not None}

    def identity(self) -> str:
        """sha256 (hex) of what was run, without how it came out: the same run again has the same identity."""
        fields = {"loss", "calibration", "track", "fingerprint", "seed", "init", "data", "overrides", "amp"}
        identity = json.dumps(self.model_dump(mode="json", include=fields), sort_keys=True)
        return hashlib.sha256(identity.encode()).hexdigest()

"""What a record says of what was measured, over all classes and of each."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lt_bench.evaluation.terms import PLURALS, BoxOrMask
from lt_bench.leaderboard.schema_base import AveragePrecision, Count, Difference, Extended, Frequency, Model, Name


class Metrics(Model):
    """LVIS AP in [0, 1], unrounded; -1 where there is no ground truth. AR is AR@300."""

    AP: AveragePrecision
    AP50: AveragePrecision
    AP75: AveragePrecision
    APs: AveragePrecision
    APm: AveragePrecision
    APl: AveragePrecision
    APr: AveragePrecision
    APc: AveragePrecision
    APf: AveragePrecision
    AR: AveragePrecision


class BoxAndMask(Extended):
    """segm: absent where only boxes were measured; bbox: where only masks were."""

    bbox: Metrics | None = None
    segm: Metrics | None = None

    def of(self, kind: BoxOrMask) -> Metrics:
        """Those of boxes or of masks. Raises ValueError where they were not measured."""
        found: Metrics | None = getattr(self, kind)
        if found is None:
            raise ValueError(f"{PLURALS[kind]} were not measured")
        return found


class Gains(Model):
    """ΔAP50: AP at IoU 0.5 with all errors of a kind fixed, minus AP50 (see error_analysis.decomposition)."""

    classification: Difference
    localisation: Difference
    both: Difference
    duplicate: Difference
    background: Difference
    missed: Difference


class Counts(Model):
    """How many errors of each kind."""

    classification: Count
    localisation: Count
    both: Count
    duplicate: Count
    background: Count
    missed: Count


class GroupErrors(Model):
    AP50: AveragePrecision
    gain: Gains
    count: Counts


class Errors(Model):
    """Over all categories, and over the rare, common and frequent ones."""

    all: GroupErrors
    r: GroupErrors
    c: GroupErrors
    f: GroupErrors


class BoxAndMaskErrors(Extended):
    """segm: absent where only boxes were measured; bbox: where only masks were."""

    bbox: Errors | None = None
    segm: Errors | None = None


class ClassResult(Extended):
    """id, name and frequency of a category, its counts in the training set, its box AP and mask AP, its AP_fixed of
    boxes and of masks and its boundary AP.
    """

    id: Annotated[int, Field(strict=True, ge=-(2**63), le=2**63 - 1)]
    name: Name
    frequency: Frequency
    image_count: Count
    instance_count: Count
    bbox: AveragePrecision | None = None
    segm: AveragePrecision | None = None
    bbox_fixed: AveragePrecision | None = None
    segm_fixed: AveragePrecision | None = None
    boundary: AveragePrecision | None = None

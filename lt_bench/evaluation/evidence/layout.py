"""The columns of an evidence file, and what its metadata says."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Literal

import pyarrow as pa
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from lt_bench.evaluation.terms import BoxOrMask

EVIDENCE_FILE = "evidence.parquet"
VERSION = 1
KEY = b"lt_bench.evidence"  # of the metadata
AREA_NAMES = ("all", "small", "medium", "large")

Sha256 = Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9a-f]{64}$")]
Id = Annotated[int, Field(strict=True, ge=-(2**63), le=2**63 - 1)]


def _each_once(kinds: tuple[BoxOrMask, ...]) -> tuple[BoxOrMask, ...]:
    if len(set(kinds)) < len(kinds):
        raise ValueError("a kind occurs twice")
    return kinds


class Category(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Id
    frequency: Literal["r", "c", "f"]


class Header(BaseModel):
    """annotations, predictions: SHA-256 (hex) of the files. kinds: what there are outcomes of. evaluators: which one
    gave them. categories: those of the annotation file, ids ascending.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1]
    annotations: Sha256
    predictions: Sha256
    kinds: Annotated[tuple[BoxOrMask, ...], Field(min_length=1, max_length=2), AfterValidator(_each_once)]
    evaluators: dict[BoxOrMask, Literal["vernier", "lvis"]]
    categories: Annotated[tuple[Category, ...], Field(max_length=100_000)]


def outcome_columns(kind: BoxOrMask, outcome: Literal["correct", "ignored"]) -> list[str]:
    """One for each area range."""
    return [f"{kind}_{outcome}_{area}" for area in AREA_NAMES]


OBJECT_COLUMNS = [f"objects_{area}" for area in AREA_NAMES]


def schema(kinds: Collection[BoxOrMask], score: pa.DataType) -> pa.Schema:
    """Of a file with the outcomes of `kinds`. score: float32 or float64."""
    outcomes = [
        *(name for kind in kinds for name in (*outcome_columns(kind, "correct"), *outcome_columns(kind, "ignored")))
    ]
    return pa.schema(
        [
            pa.field("category", pa.int64()),
            pa.field("image", pa.int64(), nullable=False),
            pa.field("score", score),
            *(pa.field(name, pa.uint16()) for name in outcomes),
            *(pa.field(name, pa.int32()) for name in OBJECT_COLUMNS),
        ]
    )

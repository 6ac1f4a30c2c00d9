"""Evidence as a Parquet file.

Three blocks of rows, one after the other:

    detections    category, image, score and outcomes; by category, then image, then falling score
    objects       category, image and how many objects have to be found; by category, then image
    images        image alone: all there are, ascending

A column that a block does not have is null there. category and image are ids. score is float32 where that loses
nothing, else float64. bbox_correct_small and the like are 10 bits, the lowest for the IoU threshold 0.50. The metadata
holds the rest, as JSON under the name lt_bench.evidence (see `layout.Header`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lt_bench.evaluation.evidence.check import checked
from lt_bench.evaluation.evidence.evidence import Evidence, Outcomes
from lt_bench.evaluation.evidence.layout import (
    EVIDENCE_FILE,
    KEY,
    OBJECT_COLUMNS,
    VERSION,
    Header,
    outcome_columns,
    schema,
)
from lt_bench.utils.files import write_atomic

__all__ = ["EVIDENCE_FILE", "read_evidence", "write_evidence"]

LEVEL = 9  # of zstd


def write_evidence(evidence: Evidence, path: Path) -> str:
    """Write the file and return its SHA-256 (hex). The same evidence gives the same bytes."""
    single = evidence.score.astype(np.float32)
    score = single if np.array_equal(single, evidence.score) else evidence.score
    # By image within a category, because ids of images in no order would take more room than scores in no order.
    order = np.lexsort((evidence.image, evidence.category))
    images, categories = evidence.image_ids, evidence.category_ids
    detections: dict[str, NDArray[Any]] = {
        "category": categories[evidence.category[order]],
        "image": images[evidence.image[order]],
        "score": score[order],
    }
    for kind, outcomes in evidence.outcomes.items():
        detections |= zip(outcome_columns(kind, "correct"), outcomes.correct[order].T, strict=True)
        detections |= zip(outcome_columns(kind, "ignored"), outcomes.ignored[order].T, strict=True)
    objects: dict[str, NDArray[Any]] = {
        "category": categories[evidence.object_category],
        "image": images[evidence.object_image],
        **dict(zip(OBJECT_COLUMNS, evidence.object_count.T, strict=True)),
    }
    form = schema(tuple(evidence.outcomes), pa.from_numpy_dtype(score.dtype))
    table = pa.concat_tables([_block(form, columns) for columns in (detections, objects, {"image": images})])
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink,
        form,
        compression="zstd",
        compression_level=LEVEL,
        use_dictionary=[name for name in form.names if name not in ("image", "score")],
        column_encoding={"image": "DELTA_BINARY_PACKED", "score": "BYTE_STREAM_SPLIT"},
        write_statistics=False,
        store_schema=False,
    ) as writer:
        writer.write_table(table, row_group_size=max(1, len(table)))
        writer.add_key_value_metadata({KEY.decode(): _header(evidence).model_dump_json()})
    return write_atomic(path, [sink.getvalue()])


def read_evidence(path: Path) -> Evidence:
    """Raises UserError when the file can't be read, is of another version, or contradicts itself."""
    header, columns = checked(path)
    category_ids = np.array([category.id for category in header.categories], dtype=np.int64)
    detections, objects, images = columns.detections, columns.objects, columns.images
    category = np.searchsorted(category_ids, detections["category"])
    image = np.searchsorted(images, detections["image"])
    order = np.lexsort((-detections["score"].astype(np.float64), category))  # by image already
    outcomes = {
        kind: Outcomes(
            correct=_stacked(detections, outcome_columns(kind, "correct"))[order],
            ignored=_stacked(detections, outcome_columns(kind, "ignored"))[order],
        )
        for kind in header.kinds
    }
    return Evidence(
        annotations=header.annotations,
        predictions=header.predictions,
        image_ids=images,
        category_ids=category_ids,
        frequency=tuple(category.frequency for category in header.categories),
        category=category[order].astype(np.int32),
        image=image[order].astype(np.int32),
        score=detections["score"][order].astype(np.float64),
        outcomes=outcomes,
        object_category=np.searchsorted(category_ids, objects["category"]).astype(np.int32),
        object_image=np.searchsorted(images, objects["image"]).astype(np.int32),
        object_count=_stacked(objects, OBJECT_COLUMNS),
        evaluators=header.evaluators,
    )


def _stacked(columns: Mapping[str, NDArray[Any]], names: Sequence[str]) -> NDArray[Any]:
    return np.stack([columns[name] for name in names], axis=1)


def _header(evidence: Evidence) -> Header:
    ids = evidence.category_ids.tolist()
    return Header.model_validate(
        {
            "schema_version": VERSION,
            "annotations": evidence.annotations,
            "predictions": evidence.predictions,
            "kinds": tuple(evidence.outcomes),
            "evaluators": dict(evidence.evaluators),
            "categories": [
                {"id": key, "frequency": frequency} for key, frequency in zip(ids, evidence.frequency, strict=True)
            ],
        }
    )


def _block(form: pa.Schema, columns: Mapping[str, NDArray[Any]]) -> pa.Table:
    rows = len(columns["image"])
    arrays = [
        pa.array(columns[field.name], field.type) if field.name in columns else pa.nulls(rows, field.type)
        for field in form
    ]
    return pa.Table.from_arrays(arrays, schema=form)

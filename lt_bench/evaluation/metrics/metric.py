"""What a metric is, and what it is measured on. Imports nothing heavy, so that `--help` is quick."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from lt_bench.evaluation.terms import AP_NAMES, KINDS, PLURALS, BoxOrMask

if TYPE_CHECKING:
    from lt_bench.evaluation.ap.average_precision import APResult, Evaluator
    from lt_bench.evaluation.evidence.evidence import Outcomes
    from lt_bench.evaluation.inputs.detections import Detections
    from lt_bench.evaluation.inputs.ground_truth import GroundTruth

PER_IMAGE = 300  # detections that LVIS AP counts

Block = Mapping[str, Any]  # a metric's numbers, as a record holds them
TextTable = tuple[tuple[str, ...], list[list[str]]]  # headers, and rows of cells


@dataclass(frozen=True, eq=False)
class Inputs:
    """The two files, read. detections: all that can count. kinds: whether boxes, masks or both are evaluated.
    outcomes: whether those of `best` are wanted too, of the metrics that have some.
    """

    truth: GroundTruth
    detections: Detections
    kinds: Collection[BoxOrMask]
    evaluator: Evaluator
    outcomes: bool = False

    @cached_property
    def best(self) -> Detections:
        """The 300 with the highest scores of each image: `detections` itself when no image has more."""
        among_best = self.detections.image_rank < PER_IMAGE
        return self.detections if among_best.all() else self.detections.take(among_best)


@dataclass(frozen=True, eq=False)
class Measurement:
    """results: every AP by the name of its column in a table of classes. warning: why the numbers may not be what they
    seem, if so. outcomes: by kind, those of the detections `Inputs.best`, where they were wanted.
    """

    block: Block
    results: Mapping[str, APResult] = field(default_factory=dict)
    warning: str = ""
    outcomes: Mapping[BoxOrMask, Outcomes] = field(default_factory=dict)


class Column(NamedTuple):
    """Of a page's table. path: where in a block its value is, -1 if absent, unless it is a difference."""

    name: str
    path: tuple[str, ...]
    difference: bool = False


@dataclass(frozen=True, eq=False)
class Metric:
    """Something to measure predictions by.

    A new one is a file with a Metric, its place in METRICS, and what the closed schema of records must say: a field
    `record_field` of ResultRecord and one of ClassResult for each column of classes, both None where it was not asked
    for, in a new `schema_version`.

    What a page shows of it depends on the main kind of its records: masks, or boxes where no masks were measured.
    It is the last of what was measured.
    """

    name: str  # on the command line
    record_field: str
    title: str  # {kinds} stands for "masks" or "boxes"
    measure: Callable[[Inputs], Measurement]  # raises UserError where it can't
    text_tables: Callable[[Block], Sequence[TextTable]]  # for a terminal; those with the same headers are shown as one
    columns: Callable[[Sequence[BoxOrMask]], Sequence[Column]]  # of its table on a page, by what was measured
    groups: Mapping[str, str] = field(default_factory=dict)  # rows per loss: label -> name below the kind in a block
    needs_masks: bool = False  # beside boxes
    evaluator: Evaluator | None = None  # the only one that can measure it
    detections_per_image: int | None = None  # to ask the model for, if more than its recipe does
    has_classes: bool = True  # whether there is an AP of each class

    def heading(self, kind: BoxOrMask) -> str:
        """The title of its table, by the main kind."""
        return self.title.format(kinds=PLURALS[kind])


def ap_columns(kinds: Sequence[BoxOrMask], names: Sequence[str], suffix: str = "") -> tuple[Column, ...]:
    """AP of the main kind, which is the last of `kinds`, further numbers of it, and the AP of boxes beside that of
    masks. suffix: of AP's name."""
    *others, kind = kinds
    main = Column(f"{KINDS[kind]} AP{suffix}", (kind, "AP"))
    beside = (Column(f"{KINDS[other]} AP{suffix}", (other, "AP")) for other in others)
    return main, *(Column(name, (kind, name)) for name in names), *beside


def ap_table(rows: Mapping[str, Mapping[str, float]]) -> TextTable:
    """LVIS AP's ten numbers, in percent. rows: label -> numbers."""
    cells = [[label, *(percent(numbers[name]) for name in AP_NAMES)] for label, numbers in rows.items()]
    return ("AP in %", *AP_NAMES), cells


def percent(value: float) -> str:
    """Two decimals, or "-" where there is no ground truth."""
    return "-" if value < 0 else f"{100 * value:.2f}"

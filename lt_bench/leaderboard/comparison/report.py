"""A whole comparison: from what the user names to what is shown and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np

from lt_bench.errors import UserError
from lt_bench.evaluation.comparison.by_class import ByClass, ClassInfo, by_class
from lt_bench.evaluation.comparison.class_text import render_classes
from lt_bench.evaluation.comparison.compare import compare, measure
from lt_bench.evaluation.comparison.comparison import Candidate, Comparison, Measured, Options
from lt_bench.evaluation.comparison.export import as_csv, as_json, classes_as_csv
from lt_bench.evaluation.comparison.figures import beside, save
from lt_bench.evaluation.comparison.resampled_ap import COMPARED
from lt_bench.evaluation.comparison.text import render
from lt_bench.evaluation.terms import BoxOrMask
from lt_bench.leaderboard.comparison.arguments import Named, resolve
from lt_bench.leaderboard.comparison.gather import Loss, gather, kind_of
from lt_bench.leaderboard.files import files_of
from lt_bench.utils.files import refuse_clashes

EQUAL = 1e-9  # AP that differs by less is the same number, summed in another order


@dataclass(frozen=True)
class Request:
    """arguments: as on the command line. kind: None for masks where there are any. options: without the kind. outputs:
    option -> file that will be written, which is none of the runs'.
    """

    arguments: Sequence[str]
    leaderboards: Path = Path("leaderboards")
    track: str | None = None
    across_tracks: bool = False
    kind: BoxOrMask | None = None
    by_class: bool = False
    options: Options = field(default_factory=Options)
    outputs: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Report:
    """classes: where they were asked for, of every loss against the first."""

    comparison: Comparison
    losses: tuple[Loss, ...]
    classes: tuple[ByClass, ...]
    notes: tuple[str, ...]

    def text(self) -> str:
        confidence = self.comparison.options.confidence
        return "\n\n".join(
            [render(self.comparison, self.notes), *(render_classes(one, confidence) for one in self.classes)]
        )

    def json(self) -> str:
        sources = {
            loss.name: [
                {"record": str(run.path), "evidence": str(run.evidence_path), "predictions": run.record.predictions}
                for run in loss.runs
            ]
            for loss in self.losses
        }
        return as_json(self.comparison, sources, self.classes, self.notes)

    def csv(self) -> str:
        return as_csv(self.comparison)

    def classes_csv(self) -> str:
        return classes_as_csv(self.classes)

    def plot(self, path: Path) -> list[Path]:
        """The forest plot, and beside it FILE_by_class where classes were asked for. Raises UserError."""
        from lt_bench.evaluation.comparison.class_plot import draw_classes
        from lt_bench.evaluation.comparison.forest_plot import draw_forest

        save(draw_forest(self.comparison), path)
        if not self.classes:
            return [path]
        save(draw_classes(self.classes, self.comparison), beside(path, "by_class"))
        return [path, beside(path, "by_class")]


def report(request: Request) -> Report:
    """Compare what is asked for. Raises UserError for what can't be compared."""
    arguments = resolve(request.arguments, request.leaderboards, request.track)
    refuse_clashes(request.outputs, _files(arguments))
    losses, notes = gather(arguments, request.across_tracks)
    kind, more = kind_of(losses, request.kind)
    options = replace(request.options, kind=kind)
    candidates = [
        Candidate(loss.name, tuple(run.record.seed for run in loss.runs), tuple(run.evidence for run in loss.runs))
        for loss in losses
    ]
    measured = [measure(candidate, options) for candidate in candidates]
    for loss, one in zip(losses, measured, strict=True):
        _refuse_other_numbers(loss, one, kind)
    found = compare(candidates, measured, options)
    classes: list[ByClass] = []
    if request.by_class:
        about = _class_info(losses[0])
        for candidate, one in zip(candidates[1:], measured[1:], strict=True):
            classes.append(by_class((candidates[0], candidate), (measured[0], one), about, options))
    return Report(found, tuple(losses), tuple(classes), (*notes, *more, *found.doubts.values()))


def _files(arguments: Sequence[Named]) -> dict[str, Path]:
    """Everything that belongs to the runs, and what it is."""
    found = {}
    for path, _ in (run for argument in arguments for run in argument.runs):
        belonging = files_of(path)
        for one in fields(belonging):
            place = getattr(belonging, one.name)
            if place is not None:
                found[f"the {one.name.replace('_', ' ')} of {path}"] = place
    return found


def _refuse_other_numbers(loss: Loss, measured: Measured, kind: BoxOrMask) -> None:
    """Raises UserError when a record does not say what its evidence gives."""
    for run, values in zip(loss.runs, measured.runs.values, strict=True):
        recorded = getattr(run.record.metrics, kind)
        for metric, value in zip(COMPARED, values, strict=True):
            says = getattr(recorded, metric)
            gives = -1.0 if np.isnan(value) else float(value)
            if abs(says - gives) > EQUAL:
                raise UserError(
                    f"{run.path} says {metric} {says:.6f}, its evidence {run.evidence_path} gives {gives:.6f}",
                    "see what else does not hold with `python -m lt_bench verify`, or evaluate again",
                )


def _class_info(loss: Loss) -> list[ClassInfo]:
    """Of the categories of the evidence, in its order."""
    run = loss.runs[0]
    by_id = {row.id: row for row in run.record.per_class}
    return [
        ClassInfo(
            id=int(category),
            name=by_id[category].name if category in by_id else str(category),
            frequency=frequency,
            training_images=by_id[category].image_count if category in by_id else 0,
        )
        for category, frequency in zip(run.evidence.category_ids.tolist(), run.evidence.frequency, strict=True)
    ]

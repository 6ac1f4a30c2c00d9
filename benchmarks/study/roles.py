"""Which orders the study holds against which, and which of them are missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.study.agreements import METRICS, Comparison, compare_runs, compare_tracks
from benchmarks.study.load import Track
from benchmarks.study.over_grid import BestOf, GridOf
from benchmarks.study.reported import SCHEDULES, Reported, reported
from lt_bench.evaluation.terms import BoxOrMask

DECOUPLED_FULL = "Decoupled against full training"
DETECTORS = "Features of a second detector"
RECIPES = "Plain against common recipe"
PUBLISHED = "Against published LVIS rows"
BOX_MASK = "Box AP against mask AP"
# Data set, recipe, whether trained in full.
EXPECTED = [
    ("glyphs", "common", True),
    ("glyphs", "common", False),
    ("glyphs", "plain", False),
    ("glyphs-lt", "plain", True),
    ("glyphs-lt", "plain", False),
    ("glyphs-lt", "common", False),
]


@dataclass(frozen=True)
class Section:
    """Comparisons that answer one question."""

    heading: str
    comparisons: tuple[Comparison, ...]


def main_features(tracks: Sequence[Track], dataset: str) -> str | None:
    """The features with the most runs on a data set; of as many, those of a detector trained with ce."""
    runs: dict[str, int] = {}
    for track in tracks:
        if track.dataset == dataset and track.features is not None:
            runs[track.features] = runs.get(track.features, 0) + len(track.records)
    return min(runs, key=lambda name: (-runs[name], not name.startswith("ce_"), name), default=None)


def sections(tracks: Sequence[Track], grids: Sequence[tuple[GridOf, BestOf | None]] = ()) -> list[Section]:
    """All questions, those that no records answer without comparisons. Classifiers alone whose boxes have masks stand
    beside what has masks too; all else is asked of those of boxes alone, which are more. grids: whose best schedules
    are held against full training as well.
    """
    boxes = [track for track in tracks if not track.has_masks_of_its_own]
    made = {
        DECOUPLED_FULL: [*_decoupled_full(tracks), *_best_full(tracks, grids)],
        DETECTORS: _detectors(boxes),
        RECIPES: _recipes(boxes),
        PUBLISHED: _published(tracks),
        BOX_MASK: _box_mask(tracks),
    }
    return [Section(heading, tuple(comparisons)) for heading, comparisons in made.items()]


def missing(tracks: Sequence[Track]) -> list[str]:
    """What the study was to have and no record is there of."""
    found = []
    for dataset, recipe, full in EXPECTED:
        there = [
            track
            for track in tracks
            if (track.dataset, track.recipe, track.features is None) == (dataset, recipe, full)
        ]
        if all(len(track.rows) < 2 for track in there):
            only = "".join(f" (only {', '.join(track.rows)})" for track in there)
            found.append(f"{'full' if full else 'decoupled'} training on {dataset} with the recipe {recipe}{only}")
    if not any(True for _ in _detectors(tracks)):
        found.append("features of a second detector")
    return found


def _decoupled_full(tracks: Sequence[Track]) -> Iterator[Comparison]:
    for first in _main(tracks):
        kind: BoxOrMask = "segm" if first.has_masks_of_its_own else "bbox"
        for second in tracks:
            if second.features is None and second.dataset == first.dataset and kind in second.kinds:
                yield from _both(first, second, kind)


def _best_full(tracks: Sequence[Track], grids: Sequence[tuple[GridOf, BestOf | None]]) -> Iterator[Comparison]:
    for grid, best in grids:
        for second in tracks:
            if best is None or second.features is not None or _place(second) != _place(grid.track):
                continue
            losses = [one.name for one in best.best if one.name in second.rows]
            if len(losses) < 2:
                continue
            for metric in METRICS:
                yield compare_runs(
                    ([one for one in best.best if one.name in losses], second.runs("bbox", losses)),
                    (f"{grid.track.name}, best schedules", second.name),
                    metric,
                    same_images=second.truth is not None and second.truth == grid.track.truth,
                    doubted=metric in grid.track.doubts() or metric in second.doubts(),
                )


def _detectors(tracks: Sequence[Track]) -> Iterator[Comparison]:
    for first in _main(tracks):
        for second in tracks:
            if second.features not in (None, first.features) and _place(second) == _place(first):
                yield from _both(first, second)


def _recipes(tracks: Sequence[Track]) -> Iterator[Comparison]:
    for first in tracks:
        for second in tracks:
            same = (first.dataset, first.features) == (second.dataset, second.features)
            if same and (first.recipe, second.recipe) == ("plain", "common"):
                yield from _both(first, second)


def _published(tracks: Sequence[Track]) -> Iterator[Comparison]:
    full = [track for track in tracks if track.features is None]
    for first in [*_main(tracks), *full]:
        for schedule in SCHEDULES:
            for metric in METRICS:
                found = reported(first.recipe, schedule, metric)
                losses = sorted(found.values.keys() & first.rows.keys())
                if len(losses) > 1:
                    yield _beside(first, found, losses, metric)


def _beside(first: Track, found: Reported, losses: Sequence[str], metric: str) -> Comparison:
    """Mask AP where the track has it: that is what was published."""
    kind = first.kinds[-1]
    word = "box" if kind == "bbox" else "mask"
    return compare_runs(
        (first.runs(kind, losses), {loss: found.values[loss] for loss in losses}),
        (f"{first.name}, {word}", f"LVIS v1, r50 {found.schedule}, mask: {', '.join(losses)}"),
        metric,
        same_images=False,
        doubted=metric in first.doubts(),
    )


def _box_mask(tracks: Sequence[Track]) -> Iterator[Comparison]:
    for track in tracks:
        if "segm" in track.kinds:
            for metric in METRICS:
                names = (f"{track.name}, box", "the same runs, mask")
                if found := compare_tracks(track, track, metric, ("bbox", "segm"), names):
                    yield found


def _both(first: Track, second: Track, kind: BoxOrMask = "bbox") -> Iterator[Comparison]:
    """In both metrics; the names say so where they are of masks."""
    names = (f"{first.name}, mask", f"{second.name}, mask") if kind == "segm" else None
    for metric in METRICS:
        if found := compare_tracks(first, second, metric, (kind, kind), names):
            yield found


def _main(tracks: Sequence[Track]) -> list[Track]:
    """The decoupled tracks on each data set's main features."""
    return [
        track
        for track in tracks
        if track.features is not None and track.features == main_features(tracks, track.dataset)
    ]


def _place(track: Track) -> tuple[str, str]:
    return track.dataset, track.recipe

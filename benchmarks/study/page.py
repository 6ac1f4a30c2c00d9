"""docs/study.md, put together from what the records give and from the conclusions that a person keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.study import grid_tables, tables
from benchmarks.study.agreements import Comparison
from benchmarks.study.crossed_page import Crossed, parts_of
from benchmarks.study.load import Track
from benchmarks.study.over_grid import BestOf, GridOf
from benchmarks.study.reported import SCHEDULES, reported
from benchmarks.study.roles import PUBLISHED, Section
from benchmarks.study.sentences import gaining, held_out, prediction, stability, tail_sentences
from benchmarks.study.stored_rois import Fewer, of_fewer
from benchmarks.study.tail import Tail
from lt_bench.leaderboard.schema import ResultRecord

MARK = (
    "<!-- Made from committed records by `make study`. Changes here are lost; what is written by hand is in "
    "study_conclusions.md. -->"
)
GLANCE = """\
Made from the records by fixed rules (`benchmarks/study/sentences.py`). *tau*: Kendall's, 1 for the same order.
*bounds*: all taus that are possible, given which pairs of losses differ significantly; they are what counts. *pairs
kept*: of the pairs that differ significantly in the first order, those that lie the same way in the second's means;
with nothing in common it would be half of them."""
HOW_TO_READ = """\
- *First and second order*: losses by their mean box AP or APr over the seeds, if nothing else is said.
- *tau*: Kendall's tau-b of the means; 1 for the same order, -1 for the reverse, 0 for none in common.
- *bounds*: all taus that are possible if only the pairs that differ significantly have their sign, each other pair any.
  They hold the true tau with 95 % confidence however close the losses are. **They are what counts**; [-1, 1] says that
  nothing is known.
- *95 % seeds*, *95 % seeds and images*: percentiles of tau with other seeds on these very images, and with other seeds
  and images. They are too near to 0 where losses are close, and do not hold where the true tau is near 1 or -1.
- *by chance*: how often an order that has nothing to do with the first gives this tau or a larger one: all orders of
  the losses are counted. A small share says that the two have something in common, not how much. It is not given where
  both orders are of the same runs.
- *pairs*: how many differ significantly in the first order, in the second, in both the same way round, and in both the
  reverse. Significant is meant after Holm's correction for all pairs, at 2.5 % in each of two orders.
- A "-" stands where nothing can be said: too few seeds, no evidence, or too few images of rare classes."""


@dataclass(frozen=True, eq=False)
class Study:
    """All that the page shows. detectors: records of those behind the features that are on no board. left_out: records
    that are not in it. missing: what no record is there of.
    """

    tracks: Sequence[Track]
    detectors: Sequence[ResultRecord]
    sections: Sequence[Section]
    grids: Sequence[tuple[GridOf, BestOf | None]]
    tails: Sequence[Tail]
    crossed: Sequence[Crossed]
    fewer: Sequence[Fewer]
    missing: Sequence[str]
    left_out: Sequence[str]


def render(study: Study, conclusions: str) -> str:
    """The page. conclusions: Markdown, written by hand."""
    parts = [
        MARK,
        "# Can a cheap order of losses be trusted?",
        "Training a detector in full with every loss and seed is dear; training the classifier alone on stored "
        "features ([probe.md](probe.md)) takes seconds. This page holds the orders of the losses against each other: "
        "decoupled against full training, one detector's features against another's, one recipe and schedule against "
        "others, and each against published numbers of LVIS.",
        "## What follows",
        conclusions.strip(),
        "### In numbers",
        GLANCE,
        tables.at_a_glance(study.sections),
        *([bullets(lines)] if (lines := numbers(study)) else []),
        "## What was run",
        tables.of_tracks(study.tracks) if study.tracks else "Nothing yet.",
        "Each row is on the boards, with its records ([../leaderboards](../leaderboards)). AP here is of boxes if "
        "nothing else is said: the classifier alone has none, but where the detector's mask head gave them.",
    ]
    if detectors := tables.of_detectors(study.tracks, study.detectors):
        parts += ["The detectors behind the features, by full runs of the same data, loss and seed:", detectors]
    if study.missing:
        parts.append(f"**Missing**, so that this page says nothing of it: {'; '.join(study.missing)}.")
    if study.left_out:
        parts += ["Left out:", bullets(study.left_out)]
    parts += _agreements(study)
    for grid, best in study.grids:
        parts += _grid(grid, best)
    parts += _tails(study.tails)
    for one in study.crossed:
        parts += parts_of(one)
    for few in study.fewer:
        parts += [
            f"## Fewer RoIs stored: {few.track.name}",
            f"The same detector and recipe, with {few.rois} RoIs stored of each training image. No interval counts "
            "which RoIs are stored.",
            of_fewer(few),
        ]
    parts.append("## The orders")
    for track in study.tracks:
        parts += [f"### {track.title}", tables.of_order(track), *track.doubts().values()]
    return "\n\n".join(parts) + "\n"


def numbers(study: Study) -> list[str]:
    """What the schedules and the tail show, a sentence each."""
    lines = []
    for grid, best in study.grids:
        if stable := stability(grid, "AP"):
            lines.append(f"Schedule, {grid.track.name}. {stable}")
        if best is not None and (told := gaining(best)):
            lines.append(f"Schedule, {grid.track.name}. {told}")
    return lines + [f"Tail. {line}" for one in study.tails for line in tail_sentences(one)]


def bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _agreements(study: Study) -> list[str]:
    parts = ["## Orders against each other", HOW_TO_READ]
    for section in study.sections:
        parts.append(f"### {section.heading}")
        if section.heading == PUBLISHED:
            parts += _published()
        parts.append(tables.of_comparisons(section.comparisons) if section.comparisons else "No records yet.")
        if told := [_about(one) for one in section.comparisons if prediction(one)]:
            parts.append(bullets(told))
    if ceilings := tables.of_ceilings(study.tracks):
        parts += [
            "### How well an order agrees with itself",
            "One half of a track's seeds against the other half, on the same images, over all splits. No other order "
            "of so few seeds can be expected to agree better; with all seeds somewhat more is possible.",
            ceilings,
        ]
    return parts


def _about(one: Comparison) -> str:
    return f"{one.first} and {one.second}, {one.metric}: {prediction(one)}"


def _published() -> list[str]:
    """Which rows there are to compare with."""
    lines = []
    for recipe in ("plain", "common"):
        for schedule in SCHEDULES:
            found = reported(recipe, schedule, "AP")
            shown = ", ".join(f"{loss} {value:.1f} ({found.sources[loss]})" for loss, value in found.values.items())
            lines.append(f"{recipe}, Mask R-CNN R-50 {schedule}: {shown or 'no row'}")
    return [
        "Only rows that state the sampler, classifier and mask head of the recipe. Their mask AP of these losses:",
        bullets(lines),
        "So few losses remain that hardly anything can follow, whatever the numbers.",
    ]


def _grid(grid: GridOf, best: BestOf | None) -> list[str]:
    parts = [f"## Other schedules of the classifier's training: {grid.track.name}"]
    if grid.val["AP"]:
        parts += [
            f"Box AP on the validation images, mean of {len(grid.seeds)} seed{'s' if len(grid.seeds) > 1 else ''}, and "
            "tau of each cell's order with that of the recipe's cell.",
            grid_tables.of_cells(grid, "val"),
            bullets([line for metric in ("AP", "APr") if (line := stability(grid, metric))]),
        ]
    else:
        parts.append("On the validation images: no runs yet.")
    if grid.held_out:
        parts += [
            "On held-out training images, one seed: **the best of each loss** was chosen on these, never on the "
            "validation images. Held-out images show only some of the rare classes (a rare class has ten training "
            "images at most), so that box AP over the classes that they show would be mostly that of frequent and "
            "common ones. The values are therefore means of APr, APc and APf weighted by the number of rare, common "
            "and frequent classes in the validation set. APr on held-out images still rests on few classes: the choice "
            "says less of the tail than of the rest.",
            grid_tables.of_cells(grid, "held_out"),
            bullets(held_out(grid)),
        ]
    if best is None:
        return [*parts, "On held-out images not all cells were run, so no best ones were chosen."]
    if best.lacking:
        parts.append(f"No runs of the best cell yet of {', '.join(best.lacking)}.")
    if best.own:
        seeds = ", ".join(map(str, sorted(best.own[0].seeds)))
        parts += [
            f"The order under the recipe's schedule beside that under each loss's best of the grid (seeds {seeds}):",
            grid_tables.of_best(grid, best),
            *([tables.of_comparisons(best.comparisons)] if best.comparisons else []),
            gaining(best),
        ]
    return [part for part in parts if part]


def _tails(found: Sequence[Tail]) -> list[str]:
    if not found:
        return []
    parts = [
        "## The tail",
        "The recipe common differs from plain in two things at once, repeat factors and a normalised classifier. Each "
        "interval is for other seeds and other images, "
        "and by itself holds with 95 %. That of a value itself holds the true one somewhat less often than 95 % "
        "([calibration.md](calibration.md)).",
    ]
    for one in found:
        parts += [
            f"### {one.plain_track.dataset}, features of {one.plain_track.features}",
            bullets(tail_sentences(one)),
            grid_tables.of_tail(one),
        ]
    return parts

"""Under what conditions the runs of a table were made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from lt_bench.errors import UserError
from lt_bench.evaluation.terms import PLURALS
from lt_bench.leaderboard.comparison.settings import title
from lt_bench.leaderboard.dumped_config import read_config
from lt_bench.leaderboard.files import beside
from lt_bench.leaderboard.markdown import escape
from lt_bench.leaderboard.rows import missing_seeds
from lt_bench.leaderboard.tables import Table

# Parts of a config that detector, backbone, schedule and recipe stand for.
_IN_HEADING = {"model", "train_cfg", "param_scheduler", "optim_wrapper", "train_dataloader"}


def caption(table: Table) -> list[str]:
    """The heading of a table, what it is if not the usual, a list of facts, and a warning where one is due."""
    first = table.records[0]
    track, data = first.track, first.data
    facts = [
        f"data: {escape(track.dataset)}, {data.classes:,} categories, {data.train_images:,} training images "
        f"(annotations `{data.train_annotations[:12]}`), {data.val_images:,} validation images "
        f"(annotations `{data.val_annotations[:12]}`)",
        *([f"image files: `{data.image_files[:12]}`"] if data.image_files else []),
        *_training(table),
        f"device: {_listed(f'{r.device.count} x {r.device.name}' for r in table.records)}",
        f"evaluator: {_listed(record.evaluator for record in table.records)}",
        _seeds(table),
        f"fingerprint: `{first.fingerprint}`",
    ]
    if first.detections_per_image is not None:
        facts.append(f"asked of the model: {first.detections_per_image:,} detections per image")
    overrides = sorted({override for record in table.records for override in record.overrides})
    if overrides:
        facts.append(f"changed by hand: {_listed(overrides)}")
    unclean = sum(record.git is None or record.git.dirty for record in table.records)
    if unclean:
        facts.append(f"{unclean} of {len(table.records)} runs came from code that no commit holds")
    heading = f"## {escape(title(track))} (fingerprint {first.fingerprint[:12]})"
    parts = [
        heading,
        *_what_it_is(table),
        *_calibrated(table),
        *_by_hand(overrides),
        "\n".join(f"- {fact}" for fact in facts),
    ]
    if first.init.kind == "random":
        parts.append(
            "**RANDOM WEIGHTS: the backbone was not pretrained.** These numbers are not comparable with numbers "
            "from pretrained weights."
        )
    return parts


def _what_it_is(table: Table) -> Iterator[str]:
    if not table.decoupled:
        return
    masks = "The masks are those of the detector's own mask head. " if table.kind == "segm" else ""
    yield (
        "**Decoupled:** the classifier alone was trained, with each loss, on stored features of one detector that are "
        f"the same for all; AP is of {PLURALS[table.kind]}. {masks}The table can't say what a loss does to features, "
        "proposals and boxes, nor which order training in full gives."
    )


def _calibrated(table: Table) -> Iterator[str]:
    calibrations = [record.calibration for record in table.records if record.calibration is not None]
    if not calibrations:
        return
    chosen: dict[str, set[str]] = {}
    for one in calibrations:
        if one.tuned is not None:
            value = str(one.hyper_parameters[one.tuned.hyper_parameter])
            chosen.setdefault(f"{one.tuned.hyper_parameter} of {one.name} by {one.tuned.rule}", set()).add(value)
    tuned = [f"{what} (found: {', '.join(sorted(values))})" for what, values in chosen.items()]
    yield (
        "**Calibrated:** a row LOSS + CALIBRATION has other scores of a classifier that was trained with the loss; "
        "nothing was trained for it, and its training time and memory are those of the classifier."
        + (f" Chosen on training images: {_listed(tuned)}." if tuned else "")
    )


def _by_hand(overrides: Sequence[str]) -> Iterator[str]:
    """The heading names detector, backbone, schedule and recipe as they were before --set changed a part of them."""
    keys = [line.partition("=")[0].removeprefix("+") for line in overrides if not line.startswith("--")]
    changed = sorted({key.partition(".")[0] for key in keys} & _IN_HEADING)
    if changed:
        names = ", ".join(f"`{name}`" for name in changed)
        yield f"**Not in all what the heading names:** of {names} a part was changed by hand, see below."


def _training(table: Table) -> Iterator[str]:
    """How long what was trained, and from where."""
    first, precision = table.records[0], "; mixed precision" if table.records[0].amp else ""
    weights = _listed(record.init.description for record in table.records)
    if table.decoupled:
        track = first.track
        yield f"detector: {escape(f'{track.detector} {track.backbone}')}, trained before ({weights})"
        yield from _features(table)
        steps = _listed(f"{record.iterations:,} iterations" for record in table.records)
        yield f"classifier: recipe {escape(track.recipe)}; {steps}{precision}; training time and memory are its alone"
        return
    length = _listed(
        f"{f'{record.epochs} epochs, ' if record.epochs else ''}{record.iterations:,} iterations"  # 0: counted in steps
        for record in table.records
    )
    yield f"detector: {escape(title(first.track))}; {length}{precision}"
    yield f"init: {first.init.kind} ({weights})"
    if table.kind == "bbox":
        yield "measured: boxes alone"


def _features(table: Table) -> Iterator[str]:
    """What is stored of the training images, from a config that verified: it is in the fingerprint, so all share it."""
    for evidence in (run.evidence for row in table.rows for run in row.runs):
        if evidence is None:
            continue
        with suppress(UserError, KeyError, TypeError, ValueError):
            found = read_config(beside(evidence).config)["probe"]["features"]
            rois, passes = int(found["rois"]), int(found["epochs_of_boxes"])
            yield (
                f"features: of each training image {rois:,} RoIs at most in {passes} "
                f"{'pass' if passes == 1 else 'passes'}, {escape(found['precision'])}"
            )
            return


def _seeds(table: Table) -> str:
    """All seeds of the table, and which ones a loss lacks: only with the same seeds of all losses, but for those with
    one run, are their runs compared in pairs.
    """
    seeds = _numbers({record.seed for record in table.records})
    missing = [f"{label} {_numbers(lacking)}" for label, lacking in missing_seeds(table.rows).items()]
    several = {frozenset(row.seeds) for row in table.rows if len(row.runs) > 1}
    unpaired = "; hence no runs are paired by seed" if len(several) > 1 else ""
    return f"seeds: {seeds}" + (f"; **missing: {'; '.join(missing)}**{unpaired}" if missing else "")


def _numbers(seeds: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(seeds)))


def _listed(texts: Iterable[str]) -> str:
    return "; ".join(escape(text) for text in sorted(set(texts)))

"""The classes that gained and lost, as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from tabulate import tabulate

from lt_bench.evaluation.comparison.by_class import ByClass, ClassDifference, Excess
from lt_bench.evaluation.comparison.cells import interval, p_is, p_value, points, wrapped

SHOWN = 10
NARROW_BELOW = 5  # images, with fewer of which an interval by resampling them is too narrow


def render_classes(found: ByClass, confidence: float) -> str:
    """The classes that gained and lost most, and how many differ more than chance would give."""
    gained, lost = found.gained(), found.lost()
    about = f"{found.second} - {found.first}"
    parts = [
        f"By class, {about}: {len(gained)} gained, {len(lost)} lost, {len(found.classes) - len(gained) - len(lost)} "
        f"equal; AP in %; interval: {100 * confidence:g} %, images only",
        _table("gained most", gained, found),
        _table("lost most", lost, found),
        _excess(found.excess),
    ]
    if any(one.images < NARROW_BELOW for one in (*gained[:SHOWN], *lost[:SHOWN])):
        parts.append(
            f"*: fewer than {NARROW_BELOW} validation images show the class: its interval is too narrow, its p hardly "
            "small."
        )
    return "\n\n".join(part for part in parts if part)


def _table(title: str, classes: Sequence[ClassDifference], found: ByClass) -> str:
    if not classes:
        return ""
    headers = (title, "group", "training images", "validation images", found.first, found.second, "difference")
    rows = [
        [
            one.about.name,
            one.about.frequency,
            f"{one.about.training_images:,}",
            f"{one.images:,}{'*' if one.images < NARROW_BELOW else ''}",
            f"{100 * one.first:.2f}",
            f"{100 * one.second:.2f}",
            points(one.value),
            interval(one.interval),
            p_value(one.p),
        ]
        for one in classes[:SHOWN]
    ]
    align = ("left", "left", *["right"] * (len(headers)))
    return str(tabulate(rows, headers=(*headers, "images", "p swap"), disable_numparse=True, colalign=align))


def _excess(excess: Excess | None) -> str:
    if excess is None:
        return "How many classes differ by chance can't be said: the losses have different numbers of runs."
    follows = "this is more than chance would give" if excess.p <= excess.level else "chance alone may give as many"
    without = 100 * (1 - excess.level)
    return wrapped(
        f"Classes that differ with p <= {excess.level:g}: {excess.found}. Exchanging the detections of both image "
        f"by image gives {excess.expected:.1f} on average, at most {excess.high} in {without:g} % of the cases "
        f"({p_is(excess.p)}), so {follows}; images only. Left after Benjamini and Hochberg's "
        f"correction: {excess.after_correction}."
    )

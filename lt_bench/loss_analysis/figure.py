"""Loss profiles as one figure: a panel for each quantity, against the number of training images of a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from lt_bench.api.class_stats import ClassStats
from lt_bench.loss_analysis.curves import bins, medians, spread, stretches
from lt_bench.loss_analysis.profile import LossProfile
from lt_bench.utils.frequency import COMMON, FREQUENCIES, RARE

Array = npt.NDArray[np.float64]

# Okabe and Ito's palette, which people with any common colour blindness can tell apart, without its yellow.
_COLOURS = ("#000000", "#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#0072B2", "#D55E00")
_MARKERS = ("", "o", "s", "^")
_STYLE = {
    "font.size": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "svg.hashsalt": "lt_bench",  # otherwise every file has ids of its own
}
_GREY = "#6f6f6f"
_DASH = 4.0  # points
_FEW = 9  # points of a curve, which are then marked
_HEAD, _FOOT = 0.05, 0.13  # room above and below the curves; the names of the groups stand at the foot


@dataclass(frozen=True)
class _Panel:
    column: str
    title: str
    note: str


_PANELS = (
    _Panel("positive", "Positive gradient", "of a RoI of the class"),
    _Panel("negative", "Negative gradient", "mean of the other RoIs"),
    _Panel("ratio", "Positive : negative", "sums over a training batch"),
    _Panel("margin", "Margin", "logit where both gradients are equal"),
    _Panel("weight", "Weight", "sum of both gradients at the margin"),
)


@dataclass(frozen=True)
class _Look:
    colour: str
    marker: str


def _look(place: int) -> _Look:
    """Of the loss in that place; when the palette is used up, its colours come again with markers."""
    return _Look(_COLOURS[place % len(_COLOURS)], _MARKERS[place // len(_COLOURS) % len(_MARKERS)])


def draw(profiles: Sequence[LossProfile], stats: ClassStats, about: str) -> Figure:
    """All profiles in five panels. about: what the statistics are, for the title."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(10, 6.3), layout=None)
        figure.subplots_adjust(left=0.055, right=0.918, top=0.83, bottom=0.085, wspace=0.6, hspace=0.42)
        axes = figure.subplots(2, 3).flatten()
        points = bins(np.array(stats.image_count))
        looks = {profile.name: _look(place) for place, profile in enumerate(profiles)}
        for ax, panel in zip(axes, _PANELS, strict=False):
            _draw_panel(ax, panel, profiles, stats, points, looks)
        _draw_key(axes[-1], profiles, looks)
        calls = profiles[0].calls
        state = f"after {calls:,} training calls" if calls else "at initialisation"
        figure.text(0.012, 0.955, f"What a loss does to each class, {state}", fontsize=13, fontweight="bold")
        figure.text(0.012, 0.918, f"{about}. Gradients: |dL/ds| x number of RoIs, all logits zero.", color=_GREY)
        return figure


def save(figure: Figure, stem: Path) -> list[Path]:
    """stem.png and stem.svg, the same bytes for the same figure. Raises OSError."""
    paths = [stem.with_name(f"{stem.name}.{suffix}") for suffix in ("png", "svg")]
    with matplotlib.rc_context(_STYLE):
        figure.savefig(paths[0], dpi=200)
        figure.savefig(paths[1], metadata={"Date": None})
    return paths


def _draw_panel(
    ax: Any,
    panel: _Panel,
    profiles: Sequence[LossProfile],
    stats: ClassStats,
    points: Sequence[npt.NDArray[np.int64]],
    looks: dict[str, _Look],
) -> None:
    images = np.maximum(np.array(stats.image_count, dtype=float), 1)
    x = np.array([np.exp(np.log(images[classes]).mean()) for classes in points])
    curves = {profile.name: medians(getattr(profile, panel.column), points) for profile in profiles}
    ax.set_xscale("log")
    ax.set_xlim(x[0] / 1.2, x[-1] * 1.2)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    _set_heights(ax, np.concatenate(list(curves.values())), panel.column == "margin")
    _mark_groups(ax)
    ax.set_title(panel.title, loc="left", fontsize=9.5, fontweight="bold", pad=16)
    ax.text(0, 1.025, panel.note, transform=ax.transAxes, color=_GREY)
    ax.set_xlabel("training images of the class", color=_GREY, labelpad=2)
    heights = {name: _height(ax, curve) for name, curve in curves.items()}
    heights = {name: height for name, height in heights.items() if not np.isnan(height).all()}
    for name, start, stop, names in stretches(heights):
        # Losses that coincide take turns along the line, so that each stays visible.
        turn, turns = names.index(name), len(names)
        style = (turn * _DASH, (_DASH, _DASH * (turns - 1))) if turns > 1 else "-"
        part = slice(start, stop)
        ax.plot(x[part], curves[name][part], color=looks[name].colour, lw=1.8, ls=style, dash_capstyle="butt")
    for name in heights:
        marker = looks[name].marker or ("o" if len(x) < _FEW else "")
        ax.plot(x, curves[name], color=looks[name].colour, linestyle="none", marker=marker, markersize=3.5)
    _label_ends(ax, {name: float(height[~np.isnan(height)][-1]) for name, height in heights.items()}, looks)


def _set_heights(ax: Any, values: Array, signed: bool) -> None:
    """The scale of y: linear from zero when the values are of one order of magnitude, otherwise logarithmic."""
    values = values[np.isfinite(values)]  # without a negative, a ratio is infinite
    positive = values[values > 0]
    if not signed and len(positive) and positive.max() > 20 * positive.min():
        low, high = np.log10([positive.min(), positive.max()])
        ax.set_yscale("log")
        ax.set_ylim(10 ** (low - _FOOT * (high - low)), 10 ** (high + _HEAD * (high - low)))
        if high - low > 4:
            ax.yaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_major_locator(LogLocator(numticks=7))
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.yaxis.set_major_formatter(
            FuncFormatter(lambda value, _: f"{value:g}" if 1e-3 <= value <= 1e4 else f"$10^{{{np.log10(value):.0f}}}$")
        )
    elif len(values):
        low, high = min(0.0, values.min()), max(0.0, values.max())
        span = high - low or 1.0
        ax.set_ylim(low - (_FOOT * span if signed else 0), high + _HEAD * span)
        if signed:
            ax.axhline(0, color="#d0d0d0", linewidth=0.7, zorder=0)


def _height(ax: Any, values: Array) -> Array:
    """Values of y as a fraction of the panel's height; NaN where the scale has no place for them."""
    with np.errstate(divide="ignore"):
        low, high, scaled = (np.log10(part) if ax.get_yscale() == "log" else part for part in (*ax.get_ylim(), values))
    fraction = (scaled - low) / (high - low)
    return np.asarray(np.where(np.isfinite(fraction), fraction, np.nan))


def _mark_groups(ax: Any) -> None:
    """Borders and names of LVIS's frequency groups, as far as the panel reaches."""
    left, right = ax.get_xlim()
    edges = (left, RARE + 0.5, COMMON + 0.5, right)
    for border in edges[1:3]:
        if left < border < right:
            ax.axvline(border, color="#d0d0d0", linewidth=0.7, zorder=0)
    for name, low, high in zip(FREQUENCIES.values(), edges, edges[1:], strict=False):
        low, high = max(low, left), min(high, right)
        if low < high:
            middle = np.sqrt(low * high)
            ax.annotate(
                name,
                (middle, 0),
                (0, 3),
                ("data", "axes fraction"),
                "offset points",
                ha="center",
                color=_GREY,
                fontsize=7,
            )


def _label_ends(ax: Any, ends: dict[str, float], looks: dict[str, _Look]) -> None:
    """Each loss's name to the right of its curve, moved apart as far as needed and led back by a line."""
    if not ends:
        return
    order = sorted(ends, key=lambda name: ends[name])
    places = spread(np.array([ends[name] for name in order]), min(0.068, 1 / len(order)))
    for name, place in zip(order, places, strict=True):
        lead = (ends[name], place)
        ax.plot((1.01, 1.06), lead, transform=ax.transAxes, color=looks[name].colour, linewidth=1.2, clip_on=False)
        ax.text(1.075, place, name, transform=ax.transAxes, va="center", color="#202020")


def _draw_key(ax: Any, profiles: Sequence[LossProfile], looks: dict[str, _Look]) -> None:
    """The sixth cell: which colour is which loss, and how the curves are to be read."""
    ax.axis("off")
    distance = min(0.082, 0.7 / len(profiles))
    for row, profile in enumerate(profiles):
        y, look = 1.02 - distance * row, looks[profile.name]
        style = {"color": look.colour, "marker": look.marker, "linewidth": 2.2, "markersize": 3.5}
        ax.plot((0, 0.05, 0.1), (y, y, y), transform=ax.transAxes, clip_on=False, **style)
        ax.text(0.14, y, profile.name, transform=ax.transAxes, va="center")
    drawn = [profile.name for profile in profiles if not profile.exact]
    notes = [
        "A curve is the median of the classes",
        "with that many images. A striped curve:",
        "the losses in its colours coincide.",
        *([f"{', '.join(drawn)}: mean over drawn batches."] if drawn else []),
    ]
    ax.text(0, 0.98 - distance * len(profiles), "\n".join(notes), transform=ax.transAxes, va="top", color=_GREY)

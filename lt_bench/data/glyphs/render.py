"""Paints one image. Integer arithmetic throughout, so that the same seed gives the same bytes on every machine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lt_bench.data.glyphs.font import BORDER, INK, Glyph, bordered
from lt_bench.data.glyphs.presets import Preset

ONE = 1 << 16  # fixed-point 1.0
SAMPLES = 4  # a pixel's coverage is the mean of SAMPLES x SAMPLES points
FULL = SAMPLES * SAMPLES
TRIES = 40  # positions tried for a glyph before the image is laid out anew
LAYOUTS = 200
NOBODY = -1


@dataclass(frozen=True)
class Stamp:
    """A glyph at its place, cropped to the image, with its top left corner.

    coverage, ink: how much of each pixel the glyph with its border covers, and its ink alone: int64 [h, w] in 0..FULL.
    """

    coverage: NDArray[np.int64]
    ink: NDArray[np.int64]
    top: int
    left: int

    @property
    def window(self) -> tuple[slice, slice]:
        height, width = self.coverage.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    @property
    def mask(self) -> NDArray[np.bool_]:
        return 2 * self.coverage >= FULL


def render(
    preset: Preset, glyphs: Sequence[Glyph], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], list[NDArray[np.bool_]]]:
    """An image that shows the glyphs, later ones over earlier ones, on a cluttered background.

    Returns the image, uint8 RGB [S, S, 3], and the visible mask of each glyph, bool [S, S], in the order given.
    Of every glyph at least preset.min_visible percent is visible.
    """
    stamps, owner = layout(preset, glyphs, rng)
    image = background(preset.image_size, rng)
    for stamp in stamps:
        _paint(image, stamp, rng)
    grain = int(rng.integers(2, 14))
    image += rng.integers(-grain, grain + 1, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8), masks(stamps, owner)


def masks(stamps: Sequence[Stamp], owner: NDArray[np.int64]) -> list[NDArray[np.bool_]]:
    """What is visible of each glyph of a `layout`: bool [S, S]."""
    return [owner == index for index in range(len(stamps))]


def turned(glyph: NDArray[np.uint8], size: int, degrees: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The glyph (see font.bordered) scaled to a longer side of `size` pixels and turned clockwise.

    Returns the coverage of border and ink together, and of the ink: int64 [h, w] in 0..FULL, cropped to the former.
    """
    height, width = glyph.shape
    longer = max(height, width)
    # rounded to 16 bits: no two maths libraries differ by so much
    cosine, sine = (round(ONE * f(math.radians(degrees))) for f in (math.cos, math.sin))
    wide = (width * abs(cosine) + height * abs(sine)) * size // (longer * ONE) + 2  # the turned box, and some room
    high = (height * abs(cosine) + width * abs(sine)) * size // (longer * ONE) + 2
    # sample positions from the centre, half a sample the unit; then the glyph's pixel at each of them
    across = (2 * np.arange(SAMPLES * wide, dtype=np.int32) + 1 - SAMPLES * wide)[None, :]
    down = (2 * np.arange(SAMPLES * high, dtype=np.int32) + 1 - SAMPLES * high)[:, None]
    step, cross = (int(part) * longer // (2 * SAMPLES * size) for part in (cosine, sine))
    x = (step * across + cross * down + width * ONE // 2) >> 16
    y = (step * down - cross * across + height * ONE // 2) >> 16
    # one empty pixel around the glyph stands for everything outside
    samples = np.pad(glyph, 1)[np.clip(y + 1, 0, height + 1), np.clip(x + 1, 0, width + 1)]
    samples = samples.reshape(high, SAMPLES, wide, SAMPLES)
    coverage, ink = ((samples >= layer).sum((1, 3), dtype=np.int64) for layer in (BORDER, INK))
    rows, columns = np.flatnonzero(coverage.any(1)), np.flatnonzero(coverage.any(0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return coverage[box], ink[box]


def layout(preset: Preset, glyphs: Sequence[Glyph], rng: np.random.Generator) -> tuple[list[Stamp], NDArray[np.int64]]:
    """Places for the glyphs, and which one owns each pixel: int64 [S, S], NOBODY where there is none.

    Raises RuntimeError when they don't fit, which means that the preset is too crowded.
    """
    for _ in range(LAYOUTS):
        stamps: list[Stamp] = []
        owner = np.full((preset.image_size, preset.image_size), NOBODY, np.int64)
        areas: list[int] = []
        for glyph in glyphs:
            placed = _place(preset, glyph, owner, areas, rng)
            if placed is None:
                break
            stamp, area = placed
            owner[stamp.window][stamp.mask] = len(stamps)
            stamps.append(stamp)
            areas.append(area)
        else:
            return stamps, owner
    raise RuntimeError(f"{len(glyphs)} glyphs don't fit into an image of preset {preset.name}")


def _place(
    preset: Preset, glyph: Glyph, owner: NDArray[np.int64], areas: Sequence[int], rng: np.random.Generator
) -> tuple[Stamp, int] | None:
    """A place where the glyph and all below it stay visible, and the glyph's whole area; None if none was found."""
    smallest, largest = preset.glyph_size
    size = int(rng.integers(smallest, largest + 1))
    degrees = int(rng.integers(-preset.max_rotation, preset.max_rotation + 1))
    whole, ink = turned(bordered(glyph, preset.border), size, degrees)
    area = int((2 * whole >= FULL).sum())
    height, width = whole.shape
    margin = size // 10  # how far a glyph may stick out of the image
    visible = np.bincount(owner[owner != NOBODY], minlength=len(areas))
    needed = np.asarray(areas, np.int64) * preset.min_visible
    for _ in range(TRIES):
        top = int(rng.integers(-margin, preset.image_size - height + margin + 1))
        left = int(rng.integers(-margin, preset.image_size - width + margin + 1))
        shown = slice(max(0, -top), preset.image_size - top), slice(max(0, -left), preset.image_size - left)
        stamp = Stamp(whole[shown], ink[shown], max(0, top), max(0, left))
        if 100 * int(stamp.mask.sum()) < preset.min_visible * area:
            continue
        covered = owner[stamp.window][stamp.mask]
        left_over = visible - np.bincount(covered[covered != NOBODY], minlength=len(areas))
        if (100 * left_over >= needed).all():
            return stamp, area
    return None


def background(size: int, rng: np.random.Generator) -> NDArray[np.int32]:
    """Clutter: a colour gradient, ellipses, bars and stripes of similar colours. int32 [size, size, 3]."""
    base = rng.integers(20, 236, 3, np.int32)
    corners = base + rng.integers(-40, 41, (2, 2, 3), np.int32)
    ramp = np.arange(size, dtype=np.int32)
    x, y = ramp[None, :, None], ramp[:, None, None]
    last = size - 1
    upper = corners[0, 0] * (last - x) + corners[0, 1] * x
    lower = corners[1, 0] * (last - x) + corners[1, 1] * x
    image: NDArray[np.int32] = (upper * (last - y) + lower * y) // (last * last)
    column, row = ramp[None, :], ramp[:, None]
    for _ in range(rng.integers(3, 9)):
        across, down = rng.integers(0, size, 2)
        wide, high = rng.integers(size // 16, size // 3, 2)
        inside = (column - across) ** 2 * high**2 + (row - down) ** 2 * wide**2 <= (wide * high) ** 2
        image[inside] = (image[inside] + base + rng.integers(-80, 81, 3)) // 2
    for _ in range(rng.integers(3, 10)):
        ends = rng.integers(0, size, (2, 2))
        (x1, y1), (x2, y2) = ends
        dx, dy = x2 - x1, y2 - y1
        width = rng.integers(1, 5)
        # distance to the line <= width / 2, and the foot of the perpendicular between the two ends
        near = 4 * ((column - x1) * dy - (row - y1) * dx) ** 2 <= width**2 * (dx**2 + dy**2)
        along = (column - x1) * dx + (row - y1) * dy
        image[near & (along >= 0) & (along <= dx**2 + dy**2)] = base + rng.integers(-90, 91, 3)
    if rng.integers(3) == 0:
        period = int(rng.integers(4, 12))
        dx, dy = rng.integers(-3, 4, 2)
        image[(column * dx + row * dy) % period < period // 2] += rng.integers(-24, 25, 3)
    return np.clip(image, 0, 255)


def _paint(image: NDArray[np.int32], stamp: Stamp, rng: np.random.Generator) -> None:
    """Lays the glyph over the image: a border that mostly stands out from what is below, and ink that does from it."""
    below = image[stamp.window]
    mean = below.sum((0, 1)) // (below.shape[0] * below.shape[1])
    border = _colour_against(mean, rng)
    for colour, coverage in ((border, stamp.coverage), (_colour_against(border, rng), stamp.ink)):
        opacity = coverage[:, :, None]
        below[:] = (below * (FULL - opacity) + colour * opacity + FULL // 2) // FULL


def _colour_against(other: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """A random colour, int64 [3], that differs enough from the other one."""
    contrast = int(rng.integers(110, 300))  # sum over the three channels
    colours = rng.integers(0, 256, (24, 3))
    distances = np.abs(colours - other).sum(1)
    enough = np.flatnonzero(distances >= contrast)
    chosen: NDArray[np.int64] = colours[enough[0] if len(enough) else int(np.argmax(distances))]
    return chosen

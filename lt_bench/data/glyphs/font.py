"""Glyphs of the DejaVu fonts, which matplotlib ships, as bitmaps; and the choice of glyphs that can be told apart."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from lt_bench.errors import UserError

EM = 192  # pixels; several times the largest glyph in an image, so that rotation and scaling need no interpolation
SIGNATURE = 24  # pixels a side of the thumbnails by which glyphs are compared
MIN_DIFFERENCE = 60  # thumbnail pixels of SIGNATURE ** 2 in which two classes differ at least
BORDER, INK = 1, 2  # values of a bordered glyph's pixels
BLOCKS = (  # first and last code point
    (0x0021, 0x007E),  # ASCII
    (0x0391, 0x03C9),  # Greek
    (0x0402, 0x045F),  # Cyrillic
    (0x0531, 0x0587),  # Armenian
    (0x10D0, 0x10F5),  # Georgian
    (0x00A1, 0x00FF),  # Latin-1
    (0x2190, 0x22FF),  # arrows, mathematics
    (0x25A0, 0x27BF),  # shapes, symbols, dingbats
    (0x0100, 0x024F),  # extended Latin
    (0x0460, 0x052F),  # extended Cyrillic
    (0x2C00, 0x2DFF),  # Glagolitic, Georgian, extended Cyrillic
)


class Glyph(NamedTuple):
    """One class: a character of a font face."""

    face: str
    character: str

    @property
    def code_point(self) -> str:
        return f"U+{ord(self.character):04X}"

    @property
    def name(self) -> str:
        return f"{self.face} {self.code_point} {self.character}"

    @property
    def description(self) -> str:
        """The character's Unicode name, which never changes once assigned."""
        return unicodedata.name(self.character)


def font_folder() -> Path:
    """The folder of matplotlib's fonts, found without importing matplotlib (which takes a second)."""
    spec = find_spec("matplotlib")
    folder = Path(spec.origin or "").parent / "mpl-data" / "fonts" / "ttf" if spec else None
    if folder is None or not (folder / "DejaVuSans.ttf").is_file():
        raise UserError(
            "The DejaVu fonts are missing: matplotlib ships them, and the embedded data set is made from them.",
            "Install matplotlib from the package index: pip install matplotlib",
        )
    return folder


@cache
def _font(face: str) -> ImageFont.FreeTypeFont:
    # the basic layout engine is built into Pillow; the other one is a library that a machine may lack
    return ImageFont.truetype(str(font_folder() / f"{face}.ttf"), EM, layout_engine=ImageFont.Layout.BASIC)


@cache
def bitmap(glyph: Glyph) -> NDArray[np.uint8]:
    """The glyph's ink, cropped to it: 0 or 1, uint8 [height, width]; [0, 0] for a glyph without ink."""
    canvas = Image.new("L", (4 * EM, 3 * EM))
    ImageDraw.Draw(canvas).text((EM, EM), glyph.character, fill=255, font=_font(glyph.face))
    ink = (np.asarray(canvas) >= 128).astype(np.uint8)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    if not len(rows):
        return ink[:0, :0]
    return np.ascontiguousarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


@cache
def bordered(glyph: Glyph, percent: int) -> NDArray[np.uint8]:
    """The glyph with a border around its ink, `percent` of EM wide: 0, BORDER or INK, uint8 [height, width], cropped.

    A border makes a compact object of thin strokes, whose mask a small network can learn.
    """
    radius = EM * percent // 100
    ink = np.pad(bitmap(glyph), radius)
    height = ink.shape[0]
    body = np.zeros_like(ink)
    for down in range(-radius, radius + 1):
        reach = math.isqrt(radius * radius - down * down)
        # ink within `reach` columns, from running sums along the rows
        sums = np.cumsum(np.pad(ink, ((0, 0), (reach + 1, reach))), axis=1, dtype=np.int32)
        near = sums[:, 2 * reach + 1 :] > sums[:, : -2 * reach - 1]
        target = slice(max(0, down), height + min(0, down))
        source = slice(max(0, -down), height - max(0, down))
        body[target] |= near[source]
    return np.where(ink > 0, INK, body * BORDER).astype(np.uint8)


def signature(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The ink in a square of SIGNATURE pixels a side, its longer side filling it: what scale leaves of a glyph."""
    height, width = ink.shape
    side = max(height, width)
    position = (2 * np.arange(SIGNATURE) + 1) * side // (2 * SIGNATURE)
    square = np.zeros((side, side), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = ink
    small: NDArray[np.uint8] = square[np.ix_(position, position)]
    return small


def _is_object(ink: NDArray[np.uint8]) -> bool:
    """Whether the glyph makes an object: no hairline, no dot, nothing that fills its whole box."""
    height, width = ink.shape
    filled = 100 * int(ink.sum()) // (height * width)
    return 3 * min(height, width) >= max(height, width) > EM // 3 and 8 <= filled <= 85


def _thick(ink: NDArray[np.uint8]) -> bool:
    """Whether some stroke is at least a sixteenth of the longer side wide, so that it survives a small rendering."""
    width = max(ink.shape) // 16
    runs = np.cumsum(np.pad(ink, ((0, 0), (1, 0))), axis=1, dtype=np.int32)
    return bool((runs[:, width:] - runs[:, :-width] == width).any())


def choose(faces: Sequence[str], count: int) -> list[Glyph]:
    """The first `count` glyphs of the faces that can be told apart at any scale, by face and code point.

    Latin A and Greek capital alpha share one outline, as do o and O up to scale: one of each is taken.
    Raises ValueError when the faces hold fewer.
    """
    chosen: list[Glyph] = []
    seen = np.zeros((count, SIGNATURE * SIGNATURE), np.uint8)
    for first, last in BLOCKS:
        for code in range(first, last + 1):
            for face in faces:
                glyph = Glyph(face, chr(code))
                if not unicodedata.name(glyph.character, "") or _is_missing(glyph):
                    continue
                ink = bitmap(glyph)
                if not ink.size or not _is_object(ink) or not _thick(ink):
                    continue
                mine = signature(ink).ravel()
                if len(chosen) and int((seen[: len(chosen)] != mine).sum(1).min()) < MIN_DIFFERENCE:
                    continue
                seen[len(chosen)] = mine
                chosen.append(glyph)
                if len(chosen) == count:
                    return sorted(chosen, key=lambda item: (faces.index(item.face), item.character))
    raise ValueError(f"{', '.join(faces)} hold {len(chosen)} glyphs that can be told apart, {count} are needed")


def _is_missing(glyph: Glyph) -> bool:
    """Whether the face draws its placeholder box for want of the glyph."""
    missing = bitmap(Glyph(glyph.face, "\U0010ffff"))
    ink = bitmap(glyph)
    return ink.shape == missing.shape and bool((ink == missing).all())

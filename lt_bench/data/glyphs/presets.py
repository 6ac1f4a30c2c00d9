"""What a glyph data set is made from: its size, its classes and how often each occurs."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from lt_bench.utils.frequency import COMMON, RARE



@dataclass(frozen=True)
class Preset:
    """One glyph data set.

    groups: number of rare, common and frequent classes.
    train_images: for each group the fewest and the most training images that show a class of it.
    val_images: for each group the number of validation images that show a class of it.
    num_train, num_val: number of images.
    image_size: width and height of every image, pixels, a multiple of 4 (rows of a BMP file are padded to that).
    glyph_size: smallest and largest longer side of a glyph with its border before rotation, pixels.
    border: width of the border around a glyph's ink, percent of the font's em.
    max_rotation: degrees, to either side.
    min_visible: least share of a glyph's pixels that stays visible, percent.
    num_negative: number of neg_category_ids of an image.
    faces: names of the font files.
    characters: the classes are these characters of the first face; empty: as many distinct glyphs of all
        faces as there are classes.
    seed: everything random follows from it.
    """

    name: str
    groups: tuple[int, int, int]
    train_images: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
    val_images: tuple[int, int, int]
    num_train: int
    num_val: int
    image_size: int
    glyph_size: tuple[int, int]
    num_negative: int
    faces: tuple[str, ...] = ("DejaVuSans-Bold",)
    characters: str = ""
    border: int = 9
    max_rotation: int = 30
    min_visible: int = 65
    seed: int = 0

    @property
    def num_classes(self) -> int:
        return sum(self.groups)


def frequency(image_count: int) -> str:
    """LVIS's letter for a class that `image_count` training images show: r, c or f."""
    return "r" if image_count <= RARE else "c" if image_count <= COMMON else "f"


PRESETS = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            Preset(
                name="glyphs",
                groups=(12, 10, 8),
                train_images=((1, 10), (12, 90), (102, 130)),
                val_images=(18, 21, 24),
                num_train=240,
                num_val=120,
                image_size=96,
                glyph_size=(22, 36),
                num_negative=12,
                characters="ABCEFGHKMNOPQRSTUVXYZ234578&?@",
                min_visible=80,
            ),
            Preset(
                name="glyphs-1203",
                groups=(337, 461, 405),
                train_images=((1, 10), (11, 100), (101, 200)),
                val_images=(10, 16, 24),
                num_train=8000,
                num_val=2400,
                image_size=144,
                glyph_size=(20, 40),
                num_negative=40,
                faces=("DejaVuSans-Bold", "DejaVuSerif-Bold"),
                max_rotation=20,  # arrows that differ by 45 degrees are different classes
            ),
        )
    }
)

"""What a glyph data set is made from: its size, its classes and how often each occurs."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from lt_bench.utils.frequency import COMMON, RARE

# Deciles, least to most, of LVIS v1's own image_count in its training annotations (lvisdataset.org), over its 337 rare,
# 461 common and 405 frequent classes. Of the frequent ones a third are near either end.
LVIS_V1_DECILES = (
    (1, 1, 1, 2, 3, 4, 5, 6, 7, 9, 10),
    (11, 13, 16, 22, 28, 32, 40, 48, 62, 76, 100),
    (101, 128, 186, 245, 351, 588, 859, 1394, 1789, 1902, 1977),
)

# Of what font.choose has to choose from, the first characters by code point that stay apart when each is turned by up
# to 30 degrees, as a slash and a backslash do not: at any angle of 0, 5, ... 60 degrees between them at least 80 of the
# 576 pixels of their outlines differ, as Pillow turns and shrinks them (74 by render.turned and font.signature).
APART_WHEN_TURNED = (
    "#$%&*+/0123456789<=>?@ABCDEGHKLMNOPQRTUVWYZ[]^abdekmnqstu"
    "ΔΞΣΦΨΩΫάέήΰαβζηλμνπςσφχωЂЉЊЋЍЏДЖИЛФЦЧШЩЪЫЬЮЯдийклмэяѐђєћќ"
    "ԲԳԶԸԹԺԽԾԿՀՃՄՆՇՊՌՎՒՔՖ՞՟բզըթիխճմնպջռվփ"
)


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
    most_objects: glyphs that an image shows at most; second instances of a class that would be more are left out.
        None: as many as there are. No less than the classes of an image and two more.
    num_negative: number of neg_category_ids of an image.
    faces: names of the font files.
    shape: for each group image counts at equal steps of rank, whose spread between `train_images` its classes get;
        empty: the counts fall off quadratically.
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
    shape: tuple[tuple[int, ...], ...] = ()
    faces: tuple[str, ...] = ("DejaVuSans-Bold",)
    characters: str = ""
    most_objects: int | None = None
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
                name="glyphs-lt",
                groups=(60, 50, 40),
                train_images=((1, 10), (11, 100), (101, 1500)),
                val_images=(10, 12, 14),
                num_train=3000,
                num_val=400,
                image_size=96,
                glyph_size=(22, 36),
                num_negative=30,
                most_objects=12,
                shape=LVIS_V1_DECILES,
                characters=APART_WHEN_TURNED,
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

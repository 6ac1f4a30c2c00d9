"""What a reader of Open Images took for granted and left out, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import overload

from lt_bench.data.convert.openimages.boxes import CLIPPED, FLAT, UNLISTED
from lt_bench.data.convert.openimages.classes import Classes
from lt_bench.data.convert.openimages.files import Files
from lt_bench.data.convert.openimages.survey import CONTRADICTED

TURNED, EXPANDED, MASKLESS, BOXLESS = "turned", "expanded", "without a mask", "without a box"
EMPTY, OTHER_SHAPE = "without a pixel", "of another shape"


class Notes(Sequence[str]):
    """The lines, of what is counted when they are asked for: most of it is known when all is written."""

    def __init__(self, files: Files, classes: Classes, counted: Mapping[str, int]) -> None:
        self._files, self._classes, self._counted = files, classes, counted

    def __len__(self) -> int:
        return len(list(self._lines()))

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        return list(self._lines())[index]

    def _lines(self) -> Iterator[str]:
        classes, counted = self._classes, self._counted
        yield (f"{self._files.release.title}; evaluated by LVIS's rules, not by the challenge's (docs/openimages.md)")
        more = (
            f"; {classes.left_out:,} more in {self._files.classes.name} are none of these" if classes.left_out else ""
        )
        yield f"classes: {len(classes.labels):,}, of {(self._files.listed or self._files.hierarchy).name}{more}"
        yield (
            f"hierarchy: an object counts for the classes above its own too: {counted.get(EXPANDED, 0):,} annotations "
            "were added for them (expanded_from: the class of its own)"
        )
        yield "negatives: classes that people verified to be absent, and the classes below them"
        for key, what in _COUNTED.items():
            if number := counted.get(key, 0):
                yield what.format(f"{number:,}")


_COUNTED = {
    CONTRADICTED: "negatives: {} verified absences are no negatives, since a box or a verified presence says otherwise",
    TURNED: "images: {} are turned by their EXIF orientation; their boxes and masks, which are of the "
    "pixels as stored, were turned with them",
    UNLISTED: "boxes: {} rows of other classes were left out",
    FLAT: "boxes: {} rows without width or height were left out",
    CLIPPED: "boxes: {} rows were clipped at the edge of the image",
    MASKLESS: "masks: {} boxes have none: ignored (ignore: 1), as the challenge does: not trained on, not counted, and "
    "a detection that matches one is no mistake",
    BOXLESS: "masks: {} have no row in the table of boxes: taken with the box of their own",
    EMPTY: "masks: {} have no pixel: the box was taken instead",
    OTHER_SHAPE: "masks: {} have another shape than their image: the box was taken instead",
}

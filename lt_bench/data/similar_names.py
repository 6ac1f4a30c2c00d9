"""Image files that are called nearly as an annotation file calls them.

macOS and Windows write accents and capitals in their own way, and exporters change endings: such names look alike.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

IMAGES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}


class SimilarNames:
    """listing: the names of the files in a folder below the images' root; None where there is no such folder."""

    def __init__(self, listing: Callable[[str], Iterable[str] | None]) -> None:
        self._listing = listing
        self._by_spelling: dict[str, dict[str, str]] = {}

    def hint(self, places: Iterable[tuple[str, str]]) -> str:
        """Of some folders and names the first that has a similar file, in words; "" where there is none."""
        for folder, name in places:
            if folder not in self._by_spelling:
                images = (own for own in self._listing(folder) or () if PurePosixPath(own).suffix.lower() in IMAGES)
                self._by_spelling[folder] = {_plain(own): own for own in sorted(images)}
            if other := self._by_spelling[folder].get(_plain(name)):
                path = f"{folder}/{other}" if folder else other
                return f"; there is {path!a}, which differs from {name!a} in case, ending, blanks or accents"
        return ""


def _plain(name: str) -> str:
    """What is equal in spellings of one name."""
    plain = unicodedata.normalize("NFC", name.strip().casefold())
    path = PurePosixPath(plain)
    return path.stem if path.suffix in IMAGES else plain

"""What an annotation file lacks and what is wrong with it, gathered on the way through, so that all is said at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lt_bench.data.annotation_index.entries import Fields, type_name, wrong

SHOWN = 3  # faults of each field


@dataclass
class Faults:
    """All by section and field: "images.width", or "images" for a section as a whole.

    lacks: what the file can be read without (see Index): the number of entries without it, and the first one in words.
    first: the first faults in words, count: how many there are. A file with faults can't be used.
    """

    lacks: dict[str, tuple[int, str]] = field(default_factory=dict)
    first: dict[str, list[str]] = field(default_factory=dict)
    count: dict[str, int] = field(default_factory=dict)

    def add(self, where: str, words: str) -> None:
        self.count[where] = self.count.get(where, 0) + 1
        if self.count[where] <= SHOWN:
            self.first.setdefault(where, []).append(words)

    def lack(self, where: str, words: str) -> None:
        count, first = self.lacks.get(where, (0, words))
        self.lacks[where] = count + 1, first

    def forget(self, section: str) -> None:
        """What was found in a section."""
        for found in (self.lacks, self.first, self.count):
            for where in [where for where in found if where.partition(".")[0] == section]:
                del found[where]  # type: ignore[attr-defined]

    def note_lacks(
        self, section: str, index: int, entry: Mapping[str, Any], fields: Fields, name: str | None = None
    ) -> None:
        """Note what of `fields` an entry lacks, or has of another type. name: of the lack, if not the field's."""
        for key, types in fields.items():
            if type(entry.get(key)) not in types:
                self.lack(f"{section}.{name or key}", f"{section}[{index}]{wrong(entry, key, types)}")

    def is_sound(self, section: str, index: int, entry: Any, fields: Fields, others: Fields) -> bool:
        """Whether `entry` is an object with `fields` of the given types, and `others` of theirs where it has them. All
        that is wrong with it is noted."""
        if type(entry) is not dict:
            self.add(section, f"{section}[{index}] is {type_name(entry)}, expected an object")
            return False
        sound = True
        for key, types in {**fields, **others}.items():
            if type(value := entry.get(key)) in types:
                continue
            words = f"{section}[{index}]{wrong(entry, key, types)}"
            if key in others and value is None:
                self.lack(f"{section}.{key}", words)
            else:
                self.add(f"{section}.{key}", words)
                sound = False
        return sound

    def words(self) -> Iterator[str]:
        """One line for each fault, up to SHOWN of each field."""
        for where, lines in self.first.items():
            *others, last = lines
            yield from others
            more = self.count[where] - len(lines)
            yield f"{last}, and {more:,} more" if more else last

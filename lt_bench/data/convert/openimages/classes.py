"""The classes of a release, and which class is a kind of which."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lt_bench.data.convert.openimages.tables import AGAIN, pairs
from lt_bench.data.convert.source import Entry
from lt_bench.data.text_source import open_text_source
from lt_bench.errors import UserError


@dataclass(frozen=True)
class Classes:
    """labels: the machine ids (`/m/0k4j`), in the order of the list of classes; a class's place in it, from 1 on, is
    its id. place: of each label. above, below: for each place those of the classes that it is a kind of, directly or
    not, and of its own kinds; ascending, without itself. left_out: how many the list of classes has besides.
    """

    labels: tuple[str, ...]
    names: tuple[str, ...]
    place: dict[str, int]
    above: tuple[tuple[int, ...], ...]
    below: tuple[tuple[int, ...], ...]
    left_out: int = 0

    def entries(self) -> list[Entry]:
        """As LVIS's form has them. freebase_id: the label."""
        named = zip(self.labels, self.names, strict=True)
        return [{"id": place, "name": name, "freebase_id": label} for place, (label, name) in enumerate(named, start=1)]


def read_classes(names: Path, hierarchy: Path, listed: Path | None) -> Classes:
    """names: labels and names, in CSV. hierarchy: the tree, in JSON. listed: one label in each line, of the classes to
    take.

    A list of more classes than the tree has, as that of all 20,000 image-level labels, counts as far as the tree has
    them. The tree's root is no class: it stands for everything. Raises UserError for files of another form.
    """
    tree = _read_tree(hierarchy)
    inside = {label for label, _ in _nodes(hierarchy, tree, parts=True)}
    rows = list(pairs(names))
    if wrong := [row for row in rows if len(row) != 2 or not row[0]]:
        raise UserError(f"{names}: {','.join(wrong[0])!r} is not a label and a name", AGAIN)
    taken = inside if listed is None else {row[0] for row in pairs(listed)}
    kept = {label: name for label, name in rows if label in taken}
    if not kept:
        raise UserError(f"{names}: no class of it is in {listed or hierarchy}", "use files of one release")
    if listed is not None and (lost := taken - kept.keys()):
        raise UserError(f"{names}: {len(lost)} classes of {listed} are not in it, e.g. {min(lost)}", AGAIN)
    labels = tuple(kept)
    place = {label: number for number, label in enumerate(labels)}
    above: list[set[int]] = [set() for _ in labels]
    for label, path in _nodes(hierarchy, tree):
        if label in place:
            above[place[label]].update(place[each] for each in path if each in place and each != label)
    below = [sorted(child for child, over in enumerate(above) if parent in over) for parent in range(len(labels))]
    return Classes(
        labels,
        names=tuple(kept.values()),
        place=place,
        above=tuple(tuple(sorted(over)) for over in above),
        below=tuple(map(tuple, below)),
        left_out=len({label for label, _ in rows}) - len(kept),
    )


def _read_tree(path: Path) -> Any:
    try:
        with open_text_source(path) as stream:
            return json.loads(stream.read())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: no JSON: {error}", AGAIN) from error


def _nodes(file: Path, tree: Any, parts: bool = False) -> Iterator[tuple[str, Sequence[str]]]:
    """Each label below the root, as often as it is there, and the labels on the way to it. parts: those of what is a
    part and no kind (`Part`) too, which the challenge's rules leave alone."""
    waiting: list[tuple[Any, tuple[str, ...], bool]] = [(tree, (), True)]
    while waiting:
        node, path, is_root = waiting.pop()
        label = node.get("LabelName") if isinstance(node, dict) else None
        children = node.get("Subcategory") or [] if isinstance(node, dict) else None
        if not isinstance(label, str) or not isinstance(children, list):
            raise UserError(f"{file}: {str(node)[:80]!r} is no class with LabelName and Subcategory", AGAIN)
        if not is_root:
            yield label, path
        below = (*path, label) if not is_root else path
        more = node.get("Part") or [] if parts else []
        waiting.extend((child, below, False) for child in [*children, *more])

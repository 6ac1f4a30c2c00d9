"""The classes of a data set: one list for all its splits, with LVIS's counts and frequency groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lt_bench.data.convert.counting import Counted
from lt_bench.data.convert.options import LVIS_GROUPS, Options
from lt_bench.data.convert.source import Entry, Source
from lt_bench.errors import UserError
from lt_bench.utils.frequency import FREQUENCIES

COUNTS = ("image_count", "instance_count")


def united(sources: Sequence[Source], options: Options) -> tuple[list[Entry], list[str]]:
    """The classes of all splits by id, as the first split that has them says, and what there is to say of it.

    Raises UserError for an id with two names: then one split's annotations are of other classes than they seem.
    """
    found: dict[int, Entry] = {}
    of: dict[int, str] = {}
    for source in sources:
        for category in source.categories:
            known = found.setdefault(category["id"], category)
            of.setdefault(category["id"], source.name)
            if known.get("name") != category.get("name"):
                raise UserError(
                    f"category {category['id']} has two names: {known.get('name')!r} in {of[category['id']]} and "
                    f"{category.get('name')!r} in {source.name}",
                    "export both files with one list of categories: the same ids and names",
                )
    notes = []
    for source in sources:
        own = {category["id"] for category in source.categories}
        missing = [category_id for category_id in sorted(found) if category_id not in own]
        if missing:
            notes.append(
                f"{source.split}: {len(missing)} categories that {source.name} does not list were added, "
                f"e.g. {missing[0]} ({found[missing[0]].get('name')!r})"
            )
    groups, said = _groups(sources) if options.groups is None else ({}, [])
    entries = [found[category_id] for category_id in sorted(found)]
    return [{**entry, **groups.get(entry["id"], {})} for entry in entries], [*notes, *said]


def _groups(sources: Sequence[Source]) -> tuple[dict[int, Entry], list[str]]:
    """The frequency group of each class that has one: the last split's, which is what is evaluated, as long as it has
    one for every class of all splits; else the first's that has one. And what there is to say of it."""
    of_splits: list[dict[int, Entry]] = [
        {
            category["id"]: {"frequency": category["frequency"]}
            for category in source.categories
            if category.get("frequency") in FREQUENCIES
        }
        for source in sources
    ]
    every = {category["id"] for source in sources for category in source.categories}
    last = of_splits[-1]
    if every <= last.keys():
        others = [name.name for name, groups in zip(sources[:-1], of_splits, strict=False) if groups != last]
        return last, [f"frequency: {sources[-1].name}'s, not {name}'s" for name in others]
    first: dict[int, Entry] = {}
    for groups in of_splits:
        first = {**groups, **first}
    return first, []


@dataclass(frozen=True)
class Classes:
    """entries: LVIS's, by id. notes: what was derived and how, in words."""

    entries: list[Entry]
    notes: list[str]


def with_counts(categories: Sequence[Entry], counted: Counted, is_train: bool, options: Options) -> Classes:
    """The classes with image_count, instance_count and frequency.

    counted: of the training split if there is one (`is_train`), else of the only split. Then counts that the file has
    are kept, as a validation file's are those of the training set.
    """
    entries, notes = [dict(category) for category in categories], []
    has_counts = all(type(category.get(key)) is int for category in categories for key in COUNTS)
    if is_train or not has_counts:
        whose = "training annotations" if is_train else "file itself, as no training annotations were given"
        notes.append(f"image_count and instance_count of {len(entries)} categories: counted in the {whose}")
        for entry, images, instances in zip(
            entries, counted.image_count.tolist(), counted.instance_count.tolist(), strict=True
        ):
            entry.update(image_count=images, instance_count=instances)
    else:
        notes.append("image_count and instance_count: kept, as no training annotations were given")
    if options.groups is None and all(category.get("frequency") in FREQUENCIES for category in categories):
        notes.append(f"frequency: kept; {_sizes(entries)}")
        return Classes(entries, notes)
    if options.groups is None and any(category.get("frequency") in FREQUENCIES for category in categories):
        notes.append("frequency: the groups that some classes have are replaced, as not all have one")
    rare, common = options.groups or LVIS_GROUPS
    for entry in entries:
        images = entry["image_count"]
        entry["frequency"] = "r" if images <= rare else "c" if images <= common else "f"
    notes.append(f"frequency: r up to {rare} training images, c up to {common}, f beyond; {_sizes(entries)}")
    return Classes(entries, notes)


def _sizes(entries: Sequence[Entry]) -> str:
    groups = [entry["frequency"] for entry in entries]
    return ", ".join(f"{groups.count(key)} {name}" for key, name in FREQUENCIES.items())

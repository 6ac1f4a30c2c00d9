"""Whether the training and the validation file of a data set speak of the same classes, and of different pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lt_bench.data.lvis import LVISFile
from lt_bench.data.pictures import Contents
from lt_bench.data.problem import CATEGORIES, Problem


def disagreements(train: LVISFile, val: LVISFile) -> Iterator[Problem]:
    """Categories that only one of the files has, and ids that have two names."""
    names: list[Mapping[int, str]] = [
        {category["id"]: category["name"] for category in file.categories} for file in (train, val)
    ]
    files = list(zip(names, (train.path.name, val.path.name), strict=True))
    for key in sorted(names[0].keys() | names[1].keys()):
        found = [f"{own[key]!r} in {file}" for own, file in files if key in own]
        if len(found) == 1:
            yield Problem(CATEGORIES, f"category {key}", f"{found[0]} alone")
        elif names[0][key] != names[1][key]:
            yield Problem(CATEGORIES, f"category {key}", f"name is {' and '.join(found)}")


def frequencies(train: LVISFile, val: LVISFile) -> Iterator[str]:
    """A note on classes whose frequency group differs between the files."""
    groups = {category["id"]: category.get("frequency") for category in train.categories}
    differing = [
        category
        for category in val.categories
        if category["id"] in groups and category.get("frequency") != groups[category["id"]]
    ]
    if differing:
        first = differing[0]
        yield (
            f"{len(differing)} of {len(val.categories)} classes are in another frequency group in {train.path.name} "
            f"than in {val.path.name}, e.g. category {first['id']} ({first.get('name')!r}): frequency is "
            f"{groups[first['id']]!r} and {first.get('frequency')!r}; APr, APc and APf go by the latter, as in lvis-api"
        )


def repeated_pictures(contents: Mapping[str, Contents]) -> Iterator[str]:
    """Notes on pictures that are there twice. contents: by the annotation file's name, what its images show."""
    for name, own in contents.items():
        twice = [images for images in own.values() if len(images) > 1]
        if twice:
            (first, path, _), (second, other, _) = twice[0][:2]
            files = path if path == other else f"{path} and {other}"
            yield (
                f"{name}: pictures that are listed more than once: {len(twice)}, e.g. images {first} and {second} "
                f"({files}); list each picture once"
            )
    (train, shown), (val, evaluated) = contents.items()
    common = [(shown[key][0], evaluated[key][0]) for key in shown.keys() & evaluated.keys()]
    if common:
        (first, path, _), (second, other, _) = min(common)
        yield (
            f"pictures that {train} and {val} have in common: {len(common)}, e.g. images {first} ({path}) and {second} "
            f"({other}); evaluated on what it was trained on, a detector looks better than it is"
        )

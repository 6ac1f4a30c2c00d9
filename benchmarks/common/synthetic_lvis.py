"""Class statistics and annotation files like those of LVIS, for any number of classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.synthetic_stats import lvis_like
from lt_bench.data.glyphs.presets import frequency


def class_stats(num_classes: int) -> ClassStats:
    """A long tail like that of LVIS with `num_classes` classes: classes at even steps of its frequencies."""
    lvis = lvis_like()
    counts = sorted(zip(lvis.image_count, lvis.instance_count, strict=True))
    step = (len(counts) - 1) / max(num_classes - 1, 1)
    picked = [counts[round(rank * step)] for rank in range(num_classes)]
    return ClassStats([images for images, _ in picked], [instances for _, instances in picked], lvis.num_images)


def lvis_categories(
    names: Sequence[str], image_count: Sequence[int], instance_count: Sequence[int]
) -> list[dict[str, object]]:
    """As an annotation file has them; ids count from 1."""
    counts = zip(names, image_count, instance_count, strict=True)
    return [
        {
            "id": number,
            "name": name,
            "frequency": frequency(images),
            "image_count": images,
            "instance_count": instances,
        }
        for number, (name, images, instances) in enumerate(counts, start=1)
    ]


def write_json(path: Path, **lists: Iterable[str]) -> None:
    """Streams an object of lists to disk; their entries are JSON already."""
    with path.open("w", encoding="ascii") as stream:
        opening = "{"
        for key, entries in lists.items():
            stream.write(f'{opening}"{key}": [')
            for number, entry in enumerate(entries):
                stream.write(f"{', ' if number else ''}{entry}")
            stream.write("]")
            opening = ", "
        stream.write("}")

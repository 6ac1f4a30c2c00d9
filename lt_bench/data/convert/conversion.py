"""From sources to LVIS files: the splits of a data set together, so that counts and groups are the training set's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lt_bench.data.convert.categories import united, with_counts
from lt_bench.data.convert.counting import count
from lt_bench.data.convert.options import Options
from lt_bench.data.convert.report import described
from lt_bench.data.convert.source import Source
from lt_bench.data.convert.writing import Changes, lvis_json
from lt_bench.data.image_files import Split
from lt_bench.utils.files import write_atomic

FORMAT = 4  # raise it whenever equal input gives other files


@dataclass(frozen=True)
class Converted:
    """digests: the SHA-256 of each file that was written. lines: what was changed and assumed, in words."""

    digests: dict[Split, str]
    lines: list[str]


def convert(sources: Sequence[Source], paths: Mapping[Split, Path], options: Options) -> Converted:
    """Write each source as an LVIS file at the path of its split. Of each split there may be one source.

    Memory holds some numbers of each annotation; no file is there in part. Raises UserError for sources that disagree,
    and whatever reading them raises.
    """
    sources = sorted(sources, key=lambda source: source.split != "train")
    categories, lines = united(sources, options)
    ids = [category["id"] for category in categories]
    counted = {source.split: count(source, ids, options) for source in sources}
    first = sources[0].split
    classes = with_counts(categories, counted[first], first == "train", options)
    digests: dict[Split, str] = {}
    for source in sources:
        changes, own = Changes(), counted[source.split]
        text = lvis_json(source, own, classes.entries, options, changes)
        digests[source.split] = write_atomic(paths[source.split], text)
        head, *rest = described(source, own, options, changes)
        lines += [f"{source.split}: {head}", *(f"  {line}" for line in rest)]
    return Converted(digests, [*classes.notes, *lines])

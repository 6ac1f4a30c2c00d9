"""Whether the pages are what the records give, and whether the records bear what the pages say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from types import MappingProxyType

from lt_bench.leaderboard.comparison.settings import names_of
from lt_bench.leaderboard.page import pages, stale
from lt_bench.leaderboard.rows import Row, Run, in_tables, missing_seeds
from lt_bench.leaderboard.store import read, read_all
from lt_bench.leaderboard.verify import verify


def check_pages(folder: Path) -> list[str]:
    """How the pages in `folder` differ from what its records give: each page once, with its first line that differs.

    Files that are no valid record and runs that the tables leave out are named as well. Writes nothing.
    """
    made, problems = pages(folder, published=True)
    for page, text in made.items():
        if not page.is_file():
            problems.append(f"{page}: is missing; the records give it")
        elif page.read_bytes() != text.encode():
            problems.append(f"{page}: {_first_difference(page.read_bytes(), text.encode())}")
    problems += [f"{page}: there is no record for this page" for page in stale(folder, made)]
    return problems


def check_rows(folder: Path, added: Mapping[Path, Path] = MappingProxyType({})) -> list[str]:
    """Why the rows of `folder` are no published ones yet: records that do not verify, or not against a config, and
    losses that lack seeds which others of their table have.

    added: records to be judged with those in the folder, where each is to be stored -> where it is now.
    """
    stored, problems = read_all(folder / "results")
    found = [(path, record) for path, record in stored if path not in added]
    found += [(path, read(path)) for path in added.values()]
    for path, _ in found:
        result = verify(path)
        problems += [f"{path}: {problem}" for problem in result.problems]
        if result.status == "unverified":
            problems.append(f"{path}: unverified, it has no evidence")
        elif result.status == "verified" and "config" in result.needed and "config" not in result.checked:
            problems.append(f"{path}: its fingerprint can't be recomputed without a config")
    made, left_out = in_tables(Run(record) for _, record in found)
    problems += left_out
    for rows in made:
        if rows[0].records[0].elsewhere is None:
            problems += seed_problems(rows)
    return problems


def seed_problems(rows: Sequence[Row]) -> list[str]:
    """The losses of one table that lack seeds which another one has."""
    names = dict(zip((row.label for row in rows), names_of([row.records[0] for row in rows]), strict=True))
    first = rows[0].records[0]
    table = f"{first.track.dataset}, fingerprint {first.fingerprint[:12]}"
    return [
        f"{table}: {names[label]} lacks seed {', '.join(map(str, lacking))}"
        for label, lacking in missing_seeds(rows).items()
    ]


def _first_difference(committed: bytes, made: bytes) -> str:
    lines = zip_longest(committed.split(b"\n"), made.split(b"\n"))
    number, (old, new) = next((number, pair) for number, pair in enumerate(lines, start=1) if pair[0] != pair[1])
    shown = ["nothing" if line is None else repr(line.decode(errors="replace")) for line in (old, new)]
    return f"line {number} is {shown[0]}, the records give {shown[1]}"

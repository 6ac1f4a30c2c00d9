"""A frozen copy of pages and records at a version of the benchmark."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from lt_bench.errors import UserError
from lt_bench.leaderboard.check import check_pages
from lt_bench.leaderboard.page import pages
from lt_bench.leaderboard.store import LOCK

README = """# Leaderboards of version {version}

A copy of the pages and of the records that they are made from, as they were at version {version} of lt_bench. It is
never changed; the rows of today are in [../..](../..).
"""


def archive(folder: Path, version: str) -> Path:
    """Copy the pages and results of `folder` to folder/archive/<version>/, whole or not at all; returns that.

    Raises UserError when there is an archive of this version already, or the pages are not what the records give.
    """
    if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z.+-]*", version):
        raise UserError(f"{version!r} is no version", "give one like 0.1.0")
    target = folder / "archive" / version
    if target.exists():
        raise UserError(f"{target} exists already", "an archive is never changed; raise the version first")
    problems = check_pages(folder)
    if problems:
        raise UserError(f"the pages are not what the records give: {problems[0]}", "make them with `leaderboard`")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".") as temporary:
        copy = Path(temporary) / version
        shutil.copytree(folder / "results", copy / "results", ignore=shutil.ignore_patterns(LOCK, ".*.part"))
        for page in pages(folder, published=True)[0]:
            shutil.copyfile(page, copy / page.name)
        (copy / "README.md").write_text(README.format(version=version), encoding="utf-8")
        copy.rename(target)
    return target

"""An archive is a whole copy that nothing changes afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from lt_bench.errors import UserError
from lt_bench.leaderboard import regenerate
from lt_bench.leaderboard.archive import archive
from lt_bench.leaderboard.check import check_pages


def contents(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_pages_and_records_are_copied_once(make_record, publish) -> None:
    folder = publish(make_record("ce"), make_record("ecm"))
    regenerate(folder, published=True)
    expected = contents(folder)
    made = archive(folder, "0.1.0")
    assert made == folder / "archive" / "0.1.0"
    copy = contents(made)
    assert b"version 0.1.0" in copy.pop(Path("README.md"))
    assert copy == expected
    assert list((folder / "archive").iterdir()) == [made]
    assert check_pages(folder) == [] == check_pages(made)
    with pytest.raises(UserError, match="exists already"):
        archive(folder, "0.1.0")
    publish(make_record("eql"))
    regenerate(folder, published=True)
    archive(folder, "0.2.0")
    assert contents(made) == expected | {Path("README.md"): (made / "README.md").read_bytes()}


def test_pages_that_are_not_what_the_records_give_are_not_archived(make_record, publish) -> None:
    folder = publish(make_record("ce"))
    with pytest.raises(UserError, match="is missing"):
        archive(folder, "0.1.0")
    assert not (folder / "archive").exists()


@pytest.mark.parametrize("version", ["", "..", "a/b", "/x", ".hidden"])
def test_a_version_is_a_plain_name(make_record, publish, version: str) -> None:
    with pytest.raises(UserError, match="is no version"):
        archive(publish(make_record("ce")), version)

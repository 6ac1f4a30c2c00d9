"""What `run` leaves verifies, as it lies and as it is stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from lt_bench.leaderboard import add
from lt_bench.leaderboard.submission import submit
from lt_bench.leaderboard.verify import is_verified, verify


@pytest.mark.slow
def test_a_run_verifies_in_its_folder_and_in_a_store(small: Path, tmp_path: Path) -> None:
    found = verify(small / "work" / "result.json")
    assert (found.status, found.problems, found.unchecked) == ("verified", (), ())
    stored = submit(small / "work", tmp_path / "results")
    found = verify(stored)
    assert (found.status, found.problems) == ("verified", ())
    assert is_verified(stored)
    published = add(small / "work" / "result.json", tmp_path / "published")  # as a run does itself
    assert is_verified(published)
    assert verify(published).status == "verified"

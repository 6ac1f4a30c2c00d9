"""Records in a store, with all that lies beside them, which tests may alter."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

import pytest

from lt_bench.leaderboard.submission import submit
from lt_bench.leaderboard.verification import by_config, by_evidence


@pytest.fixture(scope="session")
def submitted(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The record of the finished run in a store. Tests leave it as it is."""
    return submit(finished, tmp_path_factory.mktemp("submitted") / "results")


@pytest.fixture(scope="session")
def submitted_probe(finished_probe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The record of the classifier that was trained alone in a store. Tests leave it as it is."""
    return submit(finished_probe, tmp_path_factory.mktemp("submitted") / "results")


@pytest.fixture
def stored(submitted: Path, tmp_path: Path) -> Path:
    """The record of the finished run in a store of the test's own."""
    return stored_copy(submitted, tmp_path)


def stored_copy(submitted: Path, folder: Path) -> Path:
    """submitted: a stored record. Returns the same one in a store in `folder`."""
    copy = shutil.copytree(submitted.parent, folder / "glyphs" / submitted.parent.name)
    return Path(copy) / submitted.name


@pytest.fixture
def remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidence and config stay as they are while a record is altered: read them once."""
    for module, name in ((by_evidence, "read_evidence"), (by_evidence, "evidence_metrics"), (by_config, "read_config")):
        monkeypatch.setattr(module, name, cache(getattr(module, name)))

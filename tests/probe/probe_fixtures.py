"""Made features, shared by the tests that leave them as they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from probe_data import made_features

from lt_bench.features.store import FeatureSet
from lt_bench.probe.plan import Planner
from lt_bench.probe.settings import Settings


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Digests of made features are nobody's concern."""
    folder = tmp_path_factory.mktemp("cache")
    patch = pytest.MonkeyPatch()
    patch.setenv("LT_BENCH_CACHE", str(folder))
    yield folder
    patch.undo()


@pytest.fixture(scope="session")
def features(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> FeatureSet:
    return made_features(tmp_path_factory.mktemp("probe") / "features")


@pytest.fixture
def planner(features: FeatureSet) -> Planner:
    return Planner(features, Settings(steps=30))

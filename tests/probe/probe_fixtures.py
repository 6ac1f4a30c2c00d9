"""Made features, shared by the tests that leave them as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from probe_data import made_features

from lt_bench.features.store import FeatureSet
from lt_bench.probe.plan import Planner
from lt_bench.probe.settings import Settings


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cache(cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Digests of made features are nobody's concern."""
    monkeypatch.setenv("LT_BENCH_CACHE", str(cache_folder))
    return cache_folder


@pytest.fixture(scope="session")
def features(cache_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> FeatureSet:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LT_BENCH_CACHE", str(cache_folder))
        return made_features(tmp_path_factory.mktemp("probe") / "features")


@pytest.fixture
def planner(features: FeatureSet) -> Planner:
    return Planner(features, Settings(steps=30))

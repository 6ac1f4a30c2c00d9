"""A pair of small detectors: stock mmdet's and lt_bench's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from benchmarks.detector.measure import SMALL
from benchmarks.detector.pair import Pair, Setting, build_pair


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="package")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    setting = Setting(classes=7, scale=(160, 96), images=1, overrides=SMALL)
    built = build_pair(setting, tmp_path_factory.mktemp("images"))
    built.align()
    return built

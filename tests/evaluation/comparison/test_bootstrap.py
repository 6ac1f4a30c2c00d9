from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from made_evidence import made_evidence, made_truth
from numpy.typing import NDArray

from lt_bench.errors import UserError
from lt_bench.evaluation.comparison import bootstrap
from lt_bench.evaluation.comparison.bootstrap import cached_metrics, draw_images, resampled_metrics
from lt_bench.evaluation.comparison.resampled_ap import class_ap
from lt_bench.evaluation.evidence.evidence import Evidence
from lt_bench.evaluation.evidence.file import write_evidence
from lt_bench.evaluation.terms import BoxOrMask


def writable_evidence(seed: int) -> Evidence:
    """Of 12 images and 6 classes. A file takes no more correct detections of a pair than the pair has objects."""
    rng = np.random.default_rng(seed)
    category, image = np.divmod(np.arange(6 * 12), 12)
    every_pair = {"object_category": category, "object_image": image, "object_count": np.full((6 * 12, 4), 30)}
    return made_evidence(rng, {**made_truth(rng, 12, 6), **every_pair}, 300)


@pytest.fixture
def evidence() -> Evidence:
    return writable_evidence(0)


@pytest.fixture
def file(evidence: Evidence, tmp_path: Path) -> Path:
    write_evidence(evidence, tmp_path / "evidence.parquet")
    return tmp_path / "evidence.parquet"


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each time that metrics were computed, not read."""
    calls: list[int] = []

    def counted(*arguments: object) -> NDArray[np.float64]:
        calls.append(1)
        return resampled_metrics(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(bootstrap, "resampled_metrics", counted)
    return calls


def test_draws_are_multinomial() -> None:
    drawn = draw_images(3, 20_000, seed=1)
    assert (drawn.sum(axis=1) == 3).all()
    outcomes = Counter(map(tuple, drawn.tolist()))
    assert len(outcomes) == 10
    for outcome, times in outcomes.items():  # within 4.5 standard deviations
        p = math.factorial(3) / math.prod(map(math.factorial, outcome)) / 27
        assert abs(times - 20_000 * p) < 4.5 * math.sqrt(20_000 * p * (1 - p))


def test_draws_depend_on_the_arguments_only() -> None:
    np.testing.assert_array_equal(draw_images(50, 20, 3), draw_images(50, 20, 3))
    np.testing.assert_array_equal(draw_images(50, 20, 3)[:5], draw_images(50, 5, 3))
    assert (draw_images(50, 20, 3) != draw_images(50, 20, 4)).any()
    with pytest.raises(UserError):
        draw_images(0, 10, 0)


def test_metrics_are_those_of_the_draws(evidence: Evidence) -> None:
    found = resampled_metrics(evidence, "segm", resamples=30, seed=5)
    np.testing.assert_array_equal(found, class_ap(evidence, "segm", draw_images(12, 30, 5)).metrics())


def test_a_cache_is_used_for_the_same_question_only(file: Path, computed: list[int]) -> None:
    first = cached_metrics(file, "bbox", 20, 0)
    np.testing.assert_array_equal(cached_metrics(file, "bbox", 20, 0), first)
    file.rename(file.with_name("other.parquet"))
    np.testing.assert_array_equal(cached_metrics(file.with_name("other.parquet"), "bbox", 20, 0), first)
    assert len(computed) == 1
    others: list[tuple[BoxOrMask, int, int]] = [("segm", 20, 0), ("bbox", 21, 0), ("bbox", 20, 1)]
    for number, other in enumerate(others, start=2):
        assert not np.array_equal(cached_metrics(file.with_name("other.parquet"), *other), first, equal_nan=True)
        assert len(computed) == number


def test_a_cache_of_other_evidence_or_of_another_version_is_not_used(
    file: Path, computed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    cached_metrics(file, "bbox", 20, 0)
    write_evidence(writable_evidence(1), file)
    cached_metrics(file, "bbox", 20, 0)
    monkeypatch.setattr(bootstrap, "VERSION", -1)
    cached_metrics(file, "bbox", 20, 0)
    assert len(computed) == 3


def test_a_damaged_or_foreign_cache_is_computed_anew(file: Path, cache: Path, computed: list[int]) -> None:
    first = cached_metrics(file, "bbox", 20, 0)
    cached_metrics(file, "bbox", 20, 1)
    stored, foreign = (next((cache / "resampled").glob(f"*_20_{seed}_*.npy")) for seed in (0, 1))
    whole = stored.read_bytes()
    flipped = bytearray(whole)
    flipped[-50] ^= 1
    for number, content in enumerate((b"", whole[:-1], whole[:100], bytes(flipped), foreign.read_bytes()), start=3):
        stored.write_bytes(content)
        np.testing.assert_array_equal(cached_metrics(file, "bbox", 20, 0), first)
        assert len(computed) == number
        assert stored.read_bytes() == whole


def test_what_is_kept_is_read_by_numpy(file: Path, cache: Path) -> None:
    found = cached_metrics(file, "bbox", 20, 0)
    np.testing.assert_array_equal(np.load(next((cache / "resampled").iterdir())), found)


def test_a_cache_that_cannot_be_written_is_no_error(file: Path, cache: Path) -> None:
    cache.write_text("a file")
    assert cached_metrics(file, "bbox", 20, 0).shape == (20, 5)


def test_a_file_that_is_no_evidence_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("no evidence")
    with pytest.raises(UserError, match="notes"):
        cached_metrics(tmp_path / "notes", "bbox", 20, 0)
    with pytest.raises(UserError, match="missing"):
        cached_metrics(tmp_path / "missing", "bbox", 20, 0)

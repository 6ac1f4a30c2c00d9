from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lt_bench.evaluation.comparison import widened_metrics as module
from lt_bench.evaluation.comparison.bootstrap import cached_metrics
from lt_bench.evaluation.comparison.widened_metrics import cached_images, widened_metrics
from lt_bench.evaluation.evidence.evidence import Evidence, Outcomes
from lt_bench.evaluation.evidence.file import write_evidence

IMAGES_OF = {"r": (1, 1), "c": (5,), "f": (30,)}  # of 40, for each class of a group


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Evidence with a detection for each object, correct up to some IoU."""
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    counts = [count for group in IMAGES_OF.values() for count in group]
    category = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    image = np.concatenate([np.sort(rng.permutation(40)[:count]) for count in counts]).astype(np.int32)
    score = np.concatenate([np.sort(rng.random(count))[::-1] for count in counts])
    correct = np.stack([(1 << rng.integers(1, 10, len(category))) - 1] * 4, axis=1).astype(np.uint16)
    evidence = Evidence(
        annotations="0" * 64,
        predictions="1" * 64,
        image_ids=np.arange(40, dtype=np.int64),
        category_ids=np.arange(len(counts), dtype=np.int64),
        frequency=tuple(name for name, group in IMAGES_OF.items() for _ in group),
        category=category,
        image=image,
        score=score,
        outcomes={"segm": Outcomes(correct, np.zeros_like(correct))},
        object_category=category,
        object_image=image,
        object_count=np.ones((len(category), 4), dtype=np.int32),
        evaluators={"segm": "vernier"},
    )
    write_evidence(evidence, tmp_path / "evidence.parquet")
    return tmp_path / "evidence.parquet"


def test_scatter_is_widened_where_classes_have_few_images(file: Path) -> None:
    plain, wide = cached_metrics(file, "segm", 50), widened_metrics(file, "segm", 50)
    ratio = np.nanstd(wide, axis=0) / np.nanstd(plain, axis=0)
    np.testing.assert_allclose(np.nanmean(wide, axis=0), np.nanmean(plain, axis=0))
    of_all, rare, common, frequent, _ = ratio
    assert rare == pytest.approx(1.31, abs=0.005)  # both classes are in one image
    assert (common, frequent) == (pytest.approx(1), pytest.approx(1))
    assert of_all > 1.31


def test_images_are_counted(file: Path) -> None:
    found = cached_images(file)
    assert (found.images.tolist(), found.frequency) == ([1, 1, 5, 30], "rrcf")


DAMAGED = [b"", b"[1, 2]", b'[[1, 1, 5], "rrcf"]', b'[[1, 1, 5, NaN], "rrcf"]', b'[[1, 1, 5, 30], "rrcx"]', b"[[1], 1]"]


@pytest.mark.parametrize("content", [None, *DAMAGED])
def test_counts_are_kept_unless_damaged(file: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None) -> None:
    first = widened_metrics(file, "segm", 20)
    (kept,) = (file.parent / "cache").rglob("*_images_*.json")
    if content is None:
        monkeypatch.setattr(module, "read_evidence", None)
    else:
        kept.write_bytes(content)
    np.testing.assert_array_equal(widened_metrics(file, "segm", 20), first)

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.comparison.__main__ import main
from benchmarks.comparison.synthetic_evidence import SIZES, made_runs
from lt_bench.evaluation.comparison.resampled_ap import class_ap
from lt_bench.evaluation.evidence.precision import evidence_metrics


def test_runs_are_plausible_and_of_the_size_they_name() -> None:
    first, second = made_runs(SIZES["glyphs"])
    assert first.same_truth(second)
    assert len(first.image_ids) == 120 and 9_000 < len(first) < 11_000
    bits = first.outcomes["bbox"]
    assert not (bits.correct & bits.ignored).any()
    assert (bits.correct[:, 0] > 0).sum() <= first.object_count[:, 0].sum()
    ap = class_ap(first, "bbox", np.ones((1, 120), dtype=int)).metrics()[0, 0]
    assert 0.1 < ap < 0.7
    assert ap == pytest.approx(evidence_metrics(first, "bbox")[0]["AP"], abs=1e-12)


@pytest.mark.extra
def test_it_measures_and_both_ways_are_equal(tmp_path: Path) -> None:
    options = ("--sizes", "glyphs", "--resamples", "20", "--plain", "2", "--repeats", "1", "--out", str(tmp_path))
    done = CliRunner().invoke(main, options)
    assert done.exit_code == 0, done.output
    (result,) = json.loads((tmp_path / "comparison.json").read_text())["results"]
    assert result["equal"]
    for name in ("bootstrap", "swap", "plain"):
        (sample,) = result[name]
        assert sample["seconds"] > 0 and sample["cpu_seconds"] > 0 and sample["peak_bytes"] > 30_000_000
    assert "equal to 1e-12" in (tmp_path / "comparison.md").read_text()


def test_a_difference_to_the_plain_way_is_a_failure(tmp_path: Path) -> None:
    sample = {"seconds": 1.0, "cpu_seconds": 2.0, "read_seconds": 0.1, "peak_bytes": 10**8, "load_before": 0.5}
    result = {"size": "glyphs", "images": 120, "classes": 30, "detections": 9000, "equal": False}
    result |= {name: [sample] for name in ("bootstrap", "swap", "plain")}
    data = {"machine": {"device": "CPU"}, "resamples": 1000, "plain_resamples": 3, "results": [result]}
    (tmp_path / "comparison.json").write_text(json.dumps(data))
    done = CliRunner().invoke(main, ("--from", str(tmp_path / "comparison.json")))
    assert done.exit_code == 1 and "differ: glyphs" in done.output
    assert "333 x" in (tmp_path / "comparison.md").read_text()


def test_an_unknown_size_is_named(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ("--sizes", "glyph", "--out", str(tmp_path)))
    assert done.exit_code == 2 and "did you mean 'glyphs'" in done.output

"""The evidence beside a run's record, also of a run that was finished before there was any."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from command_line import forked
from run_fixtures import ECM, command, run, without_lvis

from lt_bench.evaluation.evidence.file import read_evidence
from lt_bench.evaluation.evidence.precision import evidence_metrics
from lt_bench.leaderboard.store import read
from lt_bench.utils.files import sha256_of

pytestmark = pytest.mark.slow


def without_evidence(cwd: Path, name: str, **changed: Any) -> Path:
    """A copy of the finished run as an earlier version would have left it, with other fields where given."""
    work = Path(shutil.copytree(cwd / "work", cwd / name))
    content = json.loads((work / "result.json").read_text(encoding="utf-8"))
    del content["evidence"], content["seal"]
    (work / "result.json").write_text(json.dumps(content | {"schema_version": 2} | changed), encoding="utf-8")
    (work / "evidence.parquet").unlink()
    return work


def test_the_evidence_gives_what_the_record_says(small: Path) -> None:
    record, evidence = read(small / "work" / "result.json"), read_evidence(small / "work" / "evidence.parquet")
    assert (record.schema_version, record.evidence) == (9, sha256_of(small / "work" / "evidence.parquet"))
    assert (evidence.annotations, evidence.predictions) == (record.data.val_annotations, record.predictions)
    for kind in ("bbox", "segm"):
        metrics, per_class = evidence_metrics(evidence, kind)  # type: ignore[arg-type]
        assert metrics == getattr(record.metrics, kind).model_dump()
        assert per_class == {row.id: getattr(row, kind) for row in record.per_class}


def test_an_earlier_run_gets_its_evidence(small: Path) -> None:
    finished = read(small / "work" / "result.json")
    work = without_evidence(small, "earlier")
    done = run(small, *ECM, "--work-dir", "earlier")
    assert "finished, but has no evidence" in done.stderr and "training and predicting are done already" in done.stderr
    assert read(work / "result.json") == finished
    assert (work / "evidence.parquet").read_bytes() == (small / "work" / "evidence.parquet").read_bytes()
    (work / "evidence.parquet").write_bytes(b"something else")
    run(small, *ECM, "--work-dir", "earlier", "--metrics", "ap,errors")
    again = read(work / "result.json")
    assert (again.evidence, again.measured()) == (finished.evidence, {"ap", "errors"})
    assert (work / "evidence.parquet").read_bytes() == (small / "work" / "evidence.parquet").read_bytes()


def test_a_run_that_was_measured_otherwise_gets_none(small: Path) -> None:
    metrics = read(small / "work" / "result.json").metrics.model_dump()
    metrics["segm"]["APm"] = 0.125
    work = without_evidence(small, "otherwise", metrics=metrics)
    before = (work / "result.json").read_bytes()
    done = forked(*command(*ECM, "--work-dir", "otherwise"), cwd=small, env=without_lvis(small))
    assert done.returncode == 2
    assert "segm APm is 0.125 in the record and" in done.stderr
    assert (work / "result.json").read_bytes() == before
    assert not (work / "evidence.parquet").exists()


def test_a_run_without_its_predictions_stays_without_evidence(small: Path) -> None:
    work = without_evidence(small, "unpredicted")
    before = (work / "result.json").read_bytes()
    (work / "predictions.json").write_text("[]\n", encoding="utf-8")
    done = forked(*command(*ECM, "--work-dir", "unpredicted"), cwd=small, env=without_lvis(small))
    assert done.returncode == 2
    assert "is not what this run's record was measured on" in done.stderr
    (work / "predictions.json").unlink()
    done = run(small, *ECM, "--work-dir", "unpredicted")
    assert "this run has no evidence, and can't get it" in done.stderr and "this run is finished" in done.stderr
    assert (work / "result.json").read_bytes() == before

"""Where a job is."""

from __future__ import annotations

import shutil
from pathlib import Path

from made_sweeps import made_sweep
from stand_in import RECORD

from lt_bench.leaderboard.store import read
from lt_bench.sweep.attempt import begun, claim, now, write_attempt, write_submitted
from lt_bench.sweep.state import status_of
from lt_bench.sweep.table import line, progress, summary
from lt_bench.utils.locks import locked


def test_each_state(tmp_path: Path) -> None:
    (job,) = made_sweep(tmp_path, "").jobs
    assert status_of(job, {}).state == "not launched"
    write_submitted(job.folder, "slurm", "7_3")
    assert status_of(job, {"7_2": "PENDING"}).state == "not launched"
    assert status_of(job, {"7_3": "PENDING"}).state == "waiting"
    with claim(job.folder):
        attempt = begun(job.folder, 1, "7_3")
        (job.folder / "sweep.log").write_text(
            "training: 1/9\ntraining: 20/90  eta 1:05  loss 1.250\n", encoding="utf-8"
        )
        state = status_of(job, {"7_3": "RUNNING"})
        assert (state.state, state.iteration, state.iterations, state.loss) == ("running", 20, 90, 1.25)
        assert progress(state) == "training 20/90, eta 1:05, loss 1.250"
    assert status_of(job, {"7_3": "RUNNING"}).state == "running"
    assert status_of(job, {}).state == "lost"
    with locked(job.folder / ".lock"):
        assert status_of(job, {}).state == "running"
    write_attempt(job.folder, attempt.model_copy(update={"state": "stopped", "reason": "SIGTERM", "ended": now()}))
    assert status_of(job, {}).state == "stopped"
    assert status_of(job, {"7_3": "REQUEUED"}).state == "waiting"
    failed = attempt.model_copy(update={"state": "failed", "kind": "error", "reason": "a\nb\nc\n[d]\n", "code": 1})
    write_attempt(job.folder, failed)
    state = status_of(job, {})
    assert (state.state, progress(state)) == ("failed", "error: b\nc\n[d]")
    assert line(state) == "job0 label 0: failed: error: b c [d]"
    shutil.copyfile(RECORD, job.folder / "result.json")
    done = status_of(job, {})
    metrics = read(RECORD).metrics
    assert (done.state, done.ap) == ("done", (metrics.segm or metrics.bbox).AP)  # type: ignore[union-attr]
    assert summary([state, done, done]) == "3 jobs: 1 failed, 2 done"
    wanting = job.model_copy(update={"metrics": ("ap", "no_such_metric")})
    assert status_of(wanting, {}).state == "failed"
    (job.folder / "result.json").write_text("{", encoding="utf-8")
    assert status_of(job, {}).state == "failed"


def test_a_note_that_was_being_written_when_its_process_was_killed_is_removed(tmp_path: Path) -> None:
    for name in (".attempt.json.abc.part", ".submitted.json.abc.part"):
        (tmp_path / name).touch()
    with claim(tmp_path):  # only who has it writes the first
        assert [path.name for path in tmp_path.glob("*.part")] == [".submitted.json.abc.part"]


def test_damaged_notes_are_as_good_as_none(tmp_path: Path) -> None:
    (job,) = made_sweep(tmp_path, "").jobs
    job.folder.mkdir()
    for name in ("attempt.json", "submitted.json"):
        (job.folder / name).write_bytes(b"\xff{")
    assert status_of(job, {}).state == "not launched"

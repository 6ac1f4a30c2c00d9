"""Whatever is altered in a record or in its evidence is found, and by whom."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from alterations import alterations
from finished_run import finish_run

from lt_bench.errors import UserError
from lt_bench.leaderboard import ResultRecord, read
from lt_bench.leaderboard.seal import seal
from lt_bench.leaderboard.submission import submit
from lt_bench.leaderboard.verification import by_config, by_evidence
from lt_bench.leaderboard.verify import is_verified, verify, verify_record

RESULTS = Path(__file__).parents[2] / "leaderboards" / "results"

# What nothing but the seal knows of a stored record: docs/verify.md says so. (This run trained by steps, so that its
# config does not know the epochs.)
ONLY_SEALED = {
    *("training_seconds", "evaluation_seconds", "epochs", "memory.peak_bytes", "started", "git.commit", "git.dirty"),
    *("git", "notes.0", "notes", "device.name", "evidence", "ap_fixed", "ap_boundary", "errors"),
    *(f"versions.{name}" for name in ("lvis", "mmcv", "mmdet", "mmengine", "numpy", "operators", "python", "torch")),
    *("versions.surprise",),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run. Tests leave it as it is."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    finish_run(folder)
    return folder


@pytest.fixture(scope="module")
def submitted(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return submit(run, tmp_path_factory.mktemp("submitted") / "results")


@pytest.fixture
def stored(submitted: Path, tmp_path: Path) -> Path:
    """The record of that run in a store, with all that lies beside it. Tests may alter it."""
    folder = shutil.copytree(submitted.parent, tmp_path / "glyphs" / submitted.parent.name)
    return Path(folder) / submitted.name


@pytest.fixture
def remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidence and config stay as they are while a record is altered: read them once."""
    for module, name in ((by_evidence, "read_evidence"), (by_evidence, "evidence_metrics"), (by_config, "read_config")):
        monkeypatch.setattr(module, name, cache(getattr(module, name)))


def test_a_finished_run_and_a_stored_record_are_verified(run: Path, stored: Path) -> None:
    found = verify(run / "result.json")
    assert (found.status, found.problems) == ("verified", ())
    assert found.unchecked == ()
    found = verify(stored)
    assert (found.status, found.problems) == ("verified", ())
    assert {"seal", "evidence", "AP by class", "config"} <= set(found.checked)
    assert verify_record(stored) == []
    assert is_verified(stored)


def test_every_single_alteration_is_named(stored: Path, remembered: None) -> None:
    record = read(stored)
    walked = list(alterations(record))
    assert len(walked) > 150
    for field, content in walked:
        stored.write_text(json.dumps(content), encoding="utf-8")
        problems = verify(stored).problems
        assert problems, field
        assert names(problems, field, record), (field, problems)
        for problem in problems:
            assert problem.recorded != problem.found, field


def names(problems: Any, field: str, record: ResultRecord) -> bool:
    """Whether one of the problems is about the field, or about the block that it is in."""
    field = field.removeprefix("seal.")
    for index, row in enumerate(record.per_class):
        field = field.replace(f"per_class.{index}.", f"per_class.{row.id}.")
    parts = field.split(".")
    about = {".".join(parts[: length + 1]) for length in range(len(parts))}
    shown = [problem.field for problem in problems]
    if shown == ["schema"]:
        return parts[0] in problems[0].found or parts[-1] in problems[0].found
    return any(name in about or name.startswith(f"{field}.") for name in shown)


def test_what_only_the_seal_protects(stored: Path, remembered: None) -> None:
    """A second alteration, that of the seal to fit, hides nothing but what nothing else can know."""
    hidden = set()
    for field, content in alterations(read(stored)):
        if field.startswith("seal") or field == "schema_version":
            continue
        stored.write_text(json.dumps(content | {"seal": None}), encoding="utf-8")
        try:
            content["seal"] = seal(read(stored).model_dump(mode="json"))
        except UserError:
            continue  # no valid record any more
        stored.write_text(json.dumps(content), encoding="utf-8")
        if not verify(stored).problems:
            hidden.add(field)
    assert hidden == ONLY_SEALED

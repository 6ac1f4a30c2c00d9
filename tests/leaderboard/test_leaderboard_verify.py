"""Whatever is altered in a record or in its evidence is found, and by whom."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from alterations import alterations, names, sealed_anew

from lt_bench.errors import UserError
from lt_bench.leaderboard import read
from lt_bench.leaderboard.files import files_of
from lt_bench.leaderboard.store import evidence_path
from lt_bench.leaderboard.verification.problem import Problem
from lt_bench.leaderboard.verified import verified_run
from lt_bench.leaderboard.verify import is_verified, verify
from lt_bench.utils.files import sha256_of

OLD_RECORDS = sorted((Path(__file__).parent / "old_records").rglob("*.json"))

# What nothing but the seal knows of a stored record: docs/verify.md says so. (This run trained by steps, with another
# backbone, so that its config knows neither the epochs nor these names.)
ONLY_SEALED = {
    *("training_seconds", "evaluation_seconds", "epochs", "memory.peak_bytes", "started", "git.commit", "git.dirty"),
    *("git", "notes.0", "notes", "device.name", "evidence", "ap_fixed", "ap_boundary", "errors"),
    *(f"versions.{name}" for name in ("lvis", "mmcv", "mmdet", "mmengine", "numpy", "operators", "python", "torch")),
    *("versions.surprise",),
}
# What also the name of the file knows, which holds the identity.
ONLY_NAMED = {
    *("track.dataset", "track.backbone", "track.schedule", "track.recipe", "loss.distribution"),
    *(f"loss.hyper_parameters.{name}" for name in ("p", "q", "eps", "reduce_counts", "surprise")),
    *("overrides.0",),
}


def test_a_finished_run_and_a_stored_record_are_verified(finished: Path, stored: Path) -> None:
    found = verify(finished / "result.json")
    assert (found.status, found.problems) == ("verified", ())
    assert found.unchecked == ()
    found = verify(stored)
    assert (found.status, found.problems) == ("verified", ())
    assert {"seal", "evidence", "AP by class", "config"} <= set(found.checked)
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


@pytest.mark.parametrize("renamed", [False, True])
def test_what_only_the_seal_protects(stored: Path, remembered: None, renamed: bool) -> None:
    """A second alteration, that of the seal to fit, hides nothing but what nothing else can know."""
    if renamed:
        for path in list(stored.parent.iterdir()):
            path.rename(path.with_name(path.name.replace(stored.stem, "record")))
        stored = stored.with_name("record.json")
    hidden = set()
    for field, content in alterations(read(stored)):
        if field.startswith("seal") or field == "schema_version" or not sealed_anew(stored, content):
            continue
        if not verify(stored).problems:
            hidden.add(field)
    assert hidden == ONLY_SEALED | (ONLY_NAMED if renamed else set())


def test_steps_are_skipped_by_no_run_whose_config_stops(stored: Path) -> None:
    content = json.loads(stored.read_text(encoding="utf-8"))
    assert sealed_anew(stored, content | {"schema_version": 7, "skipped_steps": 1})
    assert [problem.field for problem in verify(stored).problems] == ["skipped_steps"]
    config = files_of(stored).config
    text = config.read_text(encoding="utf-8")
    changed = text.replace("type='FiniteLossHook'", "on_nan='skip', type='FiniteLossHook'")
    assert changed != text
    config.write_text(changed, encoding="utf-8")
    assert verify(stored).problems == ()


def test_the_evidence_alone_knows_the_ap_of_every_class(stored: Path, remembered: None) -> None:
    files = files_of(stored)
    files.per_class.unlink()
    files.config.unlink()
    content = json.loads(stored.read_text(encoding="utf-8"))
    for row in content["per_class"]:
        for kind in ("bbox", "segm"):
            before = row[kind]
            row[kind] = 0.4375
            assert sealed_anew(stored, content)
            (problem,) = verify(stored).problems
            assert problem == Problem(f"per_class.{row['id']}.{kind}", 0.4375, before)
            row[kind] = before


def altered_evidence(path: Path, column: str) -> None:
    """Change the first value of a column, and write the rest as it was."""
    table = pq.read_table(path)
    values = table.column(column).to_pylist()
    row = next(index for index, value in enumerate(values) if value is not None)
    others = sorted({value for value in values if value is not None} - {values[row]})
    values[row] = others[0] if others else values[row] + 1
    index = table.column_names.index(column)
    pq.write_table(table.set_column(index, table.field(index), pa.array(values, table.field(index).type)), path)


def evidence_columns(path: Path) -> list[str]:
    return list(pq.read_schema(path).names)


def test_every_altered_column_of_the_evidence_is_found(stored: Path) -> None:
    path = evidence_path(stored)
    original = path.read_bytes()
    columns = evidence_columns(path)
    assert len(columns) > 20
    for column in columns:
        path.write_bytes(original)
        altered_evidence(path, column)
        problems = verify(stored).problems
        assert problems[0].field == "evidence" and problems[0].recorded == read(stored).evidence, column
        assert not is_verified(stored)
    path.unlink()
    assert [problem.field for problem in verify(stored).problems] == ["evidence"]
    assert not is_verified(stored)


@pytest.mark.parametrize("column", ["category", "bbox_correct_all", "segm_correct_all", "objects_all"])
def test_evidence_and_its_digest_altered_together_give_other_metrics(stored: Path, column: str) -> None:
    altered_evidence(evidence_path(stored), column)
    content = json.loads(stored.read_text(encoding="utf-8"))
    assert sealed_anew(stored, content | {"evidence": sha256_of(evidence_path(stored))})
    fields = {problem.field.split(".")[0] for problem in verify(stored).problems}
    assert fields and fields <= {"metrics", "per_class", "evidence"}
    assert not is_verified(stored)


def test_predictions_know_what_the_evidence_can_not(copied: Path) -> None:
    """A score may move no AP; with digest and seal altered to fit, it differs from what is made anew."""
    altered_evidence(copied / "evidence.parquet", "score")
    record = copied / "result.json"
    content = json.loads(record.read_text(encoding="utf-8"))
    assert sealed_anew(record, content | {"evidence": sha256_of(copied / "evidence.parquet")})
    assert "evidence.score" in {problem.field for problem in verify(record).problems}


def test_other_predictions_are_found(copied: Path) -> None:
    rows = json.loads((copied / "predictions.json").read_text(encoding="utf-8"))
    (copied / "predictions.json").write_text(json.dumps(rows[:-300]), encoding="utf-8")
    fields = {problem.field for problem in verify(copied / "result.json").problems}
    assert {"predictions", "metrics.segm.AP", "evidence.score"} <= fields


def test_a_run_is_held_against_its_notes(copied: Path) -> None:
    record = copied / "result.json"
    (copied / "predictions.json").unlink()
    for field, value in (("training_seconds", 1.5), ("epochs", 7), ("notes", []), ("started", "2025-01-01T00:00:00Z")):
        content = json.loads(record.read_text(encoding="utf-8"))
        old = content[field]
        assert sealed_anew(record, content | {field: value})
        assert [problem.field for problem in verify(record).problems] == [field]
        assert sealed_anew(record, content | {field: old})


def test_records_of_earlier_versions_are_unverified_and_not_wrong() -> None:
    assert {read(path).schema_version for path in OLD_RECORDS} == {1, 2}
    for path in OLD_RECORDS:
        found = verify(path)
        assert (found.status, found.problems) == ("unverified", ())
        assert not is_verified(path)


def test_an_old_record_can_be_wrong(tmp_path: Path) -> None:
    source = OLD_RECORDS[0]
    path = tmp_path / source.parts[-3] / source.parts[-2] / source.name
    content = json.loads(source.read_text(encoding="utf-8"))
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(content | {"seed": 7}), encoding="utf-8")
    assert [problem.field for problem in verify(path).problems] == ["file name"]
    path.write_text("{}", encoding="utf-8")
    assert [problem.field for problem in verify(path).problems] == ["schema"]
    with pytest.raises(UserError, match="is no record"):
        verify(tmp_path / "absent.json")


@pytest.mark.parametrize("alter", [lambda line: f"{line},0.5", lambda line: line.rpartition(",")[0]])
def test_a_row_of_the_csv_with_more_or_fewer_cells_is_found(stored: Path, alter: Any) -> None:
    path = files_of(stored).per_class
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines[:3], alter(lines[3]), *lines[4:], ""]), encoding="utf-8")
    (problem,) = verify(stored).problems
    assert problem.field.startswith(f"per_class.{read(stored).per_class[2].id}.")


def test_a_column_that_the_csv_has_twice_is_found(stored: Path) -> None:
    path = files_of(stored).per_class
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    place = header.split(",").index("segm")
    twice = [header, *(",".join([*cells[:place], "0.5", *cells[place:]]) for cells in (x.split(",") for x in lines))]
    twice[0] = header.replace("segm", "segm,segm", 1)
    path.write_text("\n".join([*twice, ""]), encoding="utf-8")
    assert [problem.field for problem in verify(stored).problems] == ["per_class.segm"]


@pytest.mark.parametrize("name", ["evidence", "per_class", "config"])
def test_a_link_bears_nothing_out(stored: Path, tmp_path: Path, name: str) -> None:
    path = getattr(files_of(stored), name)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    (problem,) = verify(stored).problems
    assert "link" in problem.found
    assert is_verified(stored) == (name != "evidence")
    assert (verified_run(stored, read(stored)).evidence is None) == (name == "evidence")


def test_evidence_of_another_run_beside_an_old_record_is_named(stored: Path, tmp_path: Path) -> None:
    """So it is when storing a new run in the place of an old one was interrupted."""
    old = tmp_path / OLD_RECORDS[0].name
    shutil.copyfile(OLD_RECORDS[0], old)
    shutil.copyfile(evidence_path(stored), evidence_path(old))
    content = json.loads(old.read_text(encoding="utf-8"))
    assert "evidence" in {problem.field for problem in verify(old).problems}
    old.write_text(json.dumps(content | {"predictions": read(stored).predictions}), encoding="utf-8")
    assert "evidence" not in {problem.field for problem in verify(old).problems}  # made of its predictions later
    evidence_path(old).write_bytes(b"no evidence")
    assert "evidence" in {problem.field for problem in verify(old).problems}


def test_a_folder_named_like_a_record_is_a_problem_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "x.json").mkdir()
    (problem,) = verify(tmp_path / "x.json").problems
    assert problem.field == "schema" and "it is a folder" in problem.found

"""What `verify` says of a field: both values where there are two, else why it can't be right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lt_bench.data import dataset as datasets
from lt_bench.errors import UserError
from lt_bench.leaderboard.verification.problem import Problem, unreadable
from lt_bench.leaderboard.verify import verify


def edit(path: Path, *edits: tuple[list[Any], Any]) -> list[Any]:
    """Set values by hand; returns those that were there."""
    content, before = json.loads(path.read_text(encoding="utf-8")), []
    for place, value in edits:
        node = content
        for name in place[:-1]:
            node = node[name]
        before.append(node[place[-1]])
        node[place[-1]] = value
    path.write_text(json.dumps(content), encoding="utf-8")
    return before


def said(path: Path) -> list[str]:
    return [str(problem) for problem in verify(path).problems]


def test_where_only_the_seal_knows_it_says_so(stored: Path) -> None:
    edit(stored, (["training_seconds"], 1.5))
    assert said(stored) == ["training_seconds: 1.5 is not what was sealed"]


def test_where_others_know_the_value_the_seal_is_silent(stored: Path, copied: Path) -> None:
    edits = ((["metrics", "segm", "AP"], 0.75), (["metrics", "segm", "APr"], 0.5))
    before = edit(stored, *edits)
    assert said(stored) == [
        f"metrics.segm.AP: recorded 0.75, found {before[0]!r}",
        f"metrics.segm.APr: recorded 0.5, found {before[1]!r}",
    ]
    (copied / "predictions.json").unlink()
    result = copied / "result.json"
    (seconds,) = edit(result, (["training_seconds"], 1.5))
    assert said(result) == [f"training_seconds: recorded 1.5, found {seconds!r}"]


def test_an_edit_that_only_the_seal_knows_is_not_hidden_by_another_in_the_block(stored: Path) -> None:
    """Without the CSV nothing else knows the name of a class."""
    stored.with_suffix(".per_class.csv").unlink()
    edit(stored, (["per_class", 0, "segm"], 0.75))
    (alone,) = said(stored)
    assert alone.startswith("per_class.1.segm: recorded 0.75, found ")
    edit(stored, (["per_class", 0, "name"], "another"))
    assert said(stored) == ["per_class: a value in it is not what was sealed", alone]


def test_what_came_and_went_is_said_in_words(stored: Path) -> None:
    edit(stored, (["versions"], {"python": "3.11"}), (["notes"], ["made up"]))
    found = said(stored)
    assert "notes: a value in it is not what was sealed" in found
    assert "versions.torch: sealed, and not there any more" in found
    edit(stored, (["seal"], None))
    assert "seal: missing; a record of version 3 has one" in said(stored)


def test_a_file_that_can_not_be_read_is_named_once_with_the_whole_reason(stored: Path) -> None:
    evidence = stored.with_suffix(".evidence.parquet")
    evidence.write_bytes(b"no parquet")
    (_, reason) = said(stored)
    assert reason.startswith(f"evidence: {evidence.name}: ") and reason.count(evidence.name) == 1
    assert str(stored.parent) not in reason
    content = json.loads(stored.read_text(encoding="utf-8"))
    stored.write_text(json.dumps(dict.fromkeys(content, "x" * 99)), encoding="utf-8")
    (reason,) = said(stored)
    assert reason.startswith("schema: not a valid record: ") and reason.endswith(" more") and len(reason) > 200
    assert stored.name not in reason


def test_values_are_cut_off_and_reasons_are_not() -> None:
    assert str(Problem("x", "y" * 200, 1)) == f"x: recorded {'y' * 100}..., found 1"
    reason = f"/a/b.json: bad\n\x1b[2J{'z' * 200}"
    assert str(unreadable("x", Path("/a/b.json"), reason)) == f"x: b.json: bad ?[2J{'z' * 200}"


def test_the_headline_says_what_is_not_there(stored: Path) -> None:
    assert verify(stored).headline == "verified"
    stored.with_suffix(".config.py").unlink()
    assert verify(stored).headline == "verified, but for: config (not there)"
    stored.with_suffix(".per_class.csv").unlink()
    assert verify(stored).headline == "verified, but for: config, AP by class (not there)"
    assert verify(stored).status == "verified"
    edit(stored, (["training_seconds"], 1.5))
    assert verify(stored).headline == "wrong"


def test_other_annotations_are_no_fault_of_the_record(copied: Path, stored: Path, tmp_path: Path) -> None:
    right = datasets.find("glyphs", None).val
    assert verify(copied / "result.json", annotations=right).headline == "verified"
    other = tmp_path / "other.json"
    other.write_bytes(right.read_bytes() + b"\n")
    none = tmp_path / "none.json"
    none.write_text("nothing", encoding="utf-8")
    for record in (copied / "result.json", stored):
        with pytest.raises(UserError, match=r"other\.json is not what the record was measured on: glyphs"):
            verify(record, annotations=other)
        with pytest.raises(UserError, match=r"none\.json: not JSON"):
            verify(record, annotations=none)

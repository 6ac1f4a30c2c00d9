"""Which runs can be compared."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_runs import made_record, made_run, write_run

from lt_bench.errors import UserError
from lt_bench.evaluation.evidence.evidence import Evidence
from lt_bench.evaluation.evidence.file import write_evidence
from lt_bench.leaderboard.comparison.arguments import resolve
from lt_bench.leaderboard.comparison.gather import gather, kind_of
from lt_bench.leaderboard.store import write

BOARD = Path("nowhere")


def write_other(folder: Path, evidence: Evidence) -> Path:
    folder.mkdir()
    write(made_record(evidence, write_evidence(evidence, folder / "evidence.parquet"), "ecm"), folder / "result.json")
    return folder


def other_images(evidence: Evidence) -> Evidence:
    return replace(evidence, image_ids=evidence.image_ids + 1)


def other_objects(evidence: Evidence) -> Evidence:
    return replace(evidence, object_count=evidence.object_count + 1)


def other_groups(evidence: Evidence) -> Evidence:
    return replace(evidence, frequency=("c", *evidence.frequency[1:]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (other_images, "60 and 60 images, of which 59 are the same"),
        (other_objects, "the objects of the same images differ"),
        (other_groups, "the frequency groups of some categories differ"),
    ],
)
def test_other_images_objects_or_groups_are_refused(tmp_path: Path, change, words: str) -> None:
    one = write_run(tmp_path / "one")
    other = write_other(tmp_path / "other", change(made_run(0.5, 1)))
    with pytest.raises(UserError, match=words) as refusal:
        gather(resolve([str(one), str(other)], BOARD, None))
    assert str(one) in str(refusal.value) and str(other) in str(refusal.value)


def test_hyper_parameters_and_distributions_tell_losses_apart(tmp_path: Path) -> None:
    own = {"name": "ecm", "distribution": "lt_bench", "distribution_version": "0.1.0"}
    losses: list[dict[str, Any]] = [
        {**own, "hyper_parameters": {"alpha": 1.0, "beta": 2}},
        {**own, "hyper_parameters": {"alpha": 3.0, "beta": 2}, "non_default": ("alpha",)},
        {**own, "distribution": "mine", "hyper_parameters": {"alpha": 1.0, "beta": 2}},
    ]
    folders = [str(write_run(tmp_path / str(place), loss=loss)) for place, loss in enumerate(losses)]
    found, notes = gather(resolve(folders, BOARD, None))
    assert [loss.name for loss in found] == [
        "ecm (alpha=1.0, lt_bench 0.1.0)",
        "ecm (alpha=3.0, lt_bench 0.1.0)",
        "ecm (alpha=1.0, mine 0.1.0)",
    ]
    assert notes == []
    assert [len(run.evidence) for loss in found for run in loss.runs] == [len(made_run(0.5, 0))] * 3


def test_the_same_run_given_twice_counts_once(tmp_path: Path) -> None:
    one, other = write_run(tmp_path / "one"), write_run(tmp_path / "other", "ecm")
    found, _ = gather(resolve([str(one), str(one / "result.json"), str(other)], BOARD, None))
    assert [len(loss.runs) for loss in found] == [1, 1]


def test_missing_seeds_are_named(tmp_path: Path) -> None:
    for loss, seeds in (("ce", (0, 1, 4)), ("ecm", (0, 1, 2))):
        for seed in seeds:
            write_run(tmp_path / loss / str(seed), loss, seed=seed)
    found, notes = gather(resolve([str(tmp_path / "ce"), str(tmp_path / "ecm")], BOARD, None))
    assert [[run.record.seed for run in loss.runs] for loss in found] == [[0, 1, 4], [0, 1, 2]]
    assert len(notes) == 1 and "ce lacks 2; ecm lacks 4" in notes[0]
    assert np.all([run.evidence.same_truth(found[0].runs[0].evidence) for loss in found for run in loss.runs])


@pytest.mark.parametrize(("field", "value"), [("seed", 7), ("fingerprint", "e" * 64), ("evidence", "d" * 64)])
def test_a_record_that_was_changed_is_refused(tmp_path: Path, field: str, value: object) -> None:
    one, other = write_run(tmp_path / "one"), write_run(tmp_path / "other", "ecm")
    record = other / "result.json"
    content = json.loads(record.read_text(encoding="utf-8"))
    record.write_text(json.dumps({**content, field: value}), encoding="utf-8")
    with pytest.raises(UserError, match=rf"other/result.json is not as it was written, but changed by hand: {field}\n"):
        gather(resolve([str(one), str(other)], BOARD, None), across_tracks=True)
    record.write_text(json.dumps({**content, "seal": None}), encoding="utf-8")
    with pytest.raises(UserError, match="without its seal"):
        gather(resolve([str(one), str(other)], BOARD, None))


def test_one_run_under_two_names_is_refused(tmp_path: Path) -> None:
    one, copied = write_run(tmp_path / "one"), tmp_path / "copied"
    shutil.copytree(one, copied)
    for other in (one / "result.json", copied):
        with pytest.raises(UserError, match=r"a and b share a run: .* are one and the same record"):
            gather(resolve([f"a={one}", f"b={other}"], BOARD, None))


def test_runs_that_are_not_finished_are_named(tmp_path: Path) -> None:
    for seed in range(2):
        write_run(tmp_path / "ce" / f"seed_{seed}", "ce", seed=seed)
        write_run(tmp_path / "ecm" / f"seed_{seed}", "ecm", seed=seed)
    begun = [tmp_path / "ce" / "seed_2" / "run.json", tmp_path / "ce" / "seed_3" / "config.py"]
    for path in (*begun, tmp_path / "ce" / "notes" / "notes.txt"):
        path.parent.mkdir()
        path.write_text("", encoding="utf-8")
    found, notes = gather(resolve([str(tmp_path / "ce"), str(tmp_path / "ecm")], BOARD, None))
    assert [len(loss.runs) for loss in found] == [2, 2]
    assert notes == [f"not finished, so left out: {begun[0].parent}, {begun[1].parent}"]


@pytest.mark.parametrize("known", ["record", "evidence"])
def test_masks_count_where_record_and_evidence_have_them(tmp_path: Path, known: str) -> None:
    one = write_run(tmp_path / "one")
    whole, boxes = made_run(0.5, 1), made_run(0.5, 1, masks=False)
    recorded, kept = (whole, boxes) if known == "record" else (boxes, whole)
    other = tmp_path / "other"
    other.mkdir()
    digest = write_evidence(kept, other / "evidence.parquet")
    write(made_record(recorded, digest, "ecm"), other / "result.json")
    losses, _ = gather(resolve([str(one), str(other)], BOARD, None))
    kind, (note,) = kind_of(losses, None)
    assert kind == "bbox" and f"since {other}/evidence.parquet knows nothing of masks" in note
    with pytest.raises(UserError, match="knows nothing of masks"):
        kind_of(losses, "segm")

"""What the verb `compare` makes of runs without masks, and of classifiers that were trained alone."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from compare_cases import as_json, compare
from made_runs import made_record, made_run, write_run

from lt_bench.leaderboard.store import read


def test_boxes_where_there_are_no_masks(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / loss, loss, skill, masks=False) for loss, skill in (("ce", 0.4), ("ecm", 0.5))]
    content = as_json(*folders)
    assert (content["kind"], content["notes"]) == ("bbox", ["boxes are compared: none of the runs has masks"])
    for loss, folder in zip(content["losses"], folders, strict=True):
        assert loss["metrics"]["AP"]["values"] == pytest.approx([read(folder / "result.json").metrics.of("bbox").AP])
    refused = compare(*folders, "--kind", "segm")
    assert refused.exit_code == 2 and "knows nothing of masks" in refused.stderr


def test_boxes_where_one_of_the_runs_has_no_masks(tmp_path: Path) -> None:
    folders = [
        write_run(tmp_path / f"{loss}_{seed}", loss, skill, seed, masks=loss != "ecm")
        for loss, skill in (("ce", 0.4), ("ecm", 0.5))
        for seed in (0, 1)
    ]
    done = compare(*folders, "--by-class", "--csv", tmp_path / "a.csv", "--plot", tmp_path / "a.svg")
    assert done.exit_code == 0, done.output
    said = " ".join(done.stdout.split())
    assert f"note: boxes are compared, since {folders[2]}/evidence.parquet (and 1 more of 4 runs)" in said
    assert "box AP in %, 60 validation images" in said and "mask AP" not in said and "nan" not in said
    assert {row["kind"] for row in csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text()))} == {"bbox"}
    figure = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert "box AP" in figure and "mask AP" not in figure


def test_a_classifier_alone_is_said_to_be_one(tmp_path: Path) -> None:
    track = {**made_record(made_run(0.5, 0), None).track.model_dump(), "schedule": "probe", "features": "ce_seed0_01"}
    folders = [
        write_run(tmp_path / loss, loss, skill, masks=False, track=track) for loss, skill in (("ce", 0.4), ("ecm", 0.5))
    ]
    notes = as_json(*folders)["notes"]
    assert any("the classifier alone was trained, on the stored features of ce_seed0_01" in note for note in notes)
    full = write_run(tmp_path / "full", "ecm", 0.5, masks=False)
    refused = compare(folders[0], full)
    assert refused.exit_code == 2
    assert "training decoupled, features of ce_seed0_01 and in full" in " ".join(refused.stderr.split())
    across = as_json(folders[0], full, "--across-tracks")
    assert across["notes"][0].startswith("ACROSS TRACKS")

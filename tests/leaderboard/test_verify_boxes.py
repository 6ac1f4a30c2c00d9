"""A record of a classifier alone, measured by its boxes: whatever is altered in it is found."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from alterations import alterations, names, sealed_anew
from record_values import DECOUPLED, boxes_alone
from stored_records import stored_copy

from lt_bench.leaderboard import read
from lt_bench.leaderboard.dumped_config import config_text, read_config
from lt_bench.leaderboard.files import files_of
from lt_bench.leaderboard.results import load_results
from lt_bench.leaderboard.verify import is_verified, verify

# What nothing but the seal, and of the second group also the file's name, knows of such a record.
ONLY_SEALED = {
    *("training_seconds", "evaluation_seconds", "epochs", "memory.peak_bytes", "started", "git.commit", "git.dirty"),
    *("git", "notes.0", "notes", "device.name", "device.count", "evidence", "ap_fixed", "errors"),
    *(f"versions.{name}" for name in ("lvis", "mmcv", "mmdet", "mmengine", "numpy", "operators", "python", "torch")),
    *("versions.surprise", "detections_per_image"),
}


@pytest.fixture
def stored(submitted_probe: Path, tmp_path: Path) -> Path:
    """The record of that run in a store of the test's own."""
    return stored_copy(submitted_probe, tmp_path)


def test_it_is_verified_and_lies_with_its_features(finished_probe: Path, stored: Path) -> None:
    found = verify(finished_probe / "result.json")
    assert (found.status, found.problems) == ("verified", ())
    assert {"seal", "evidence", "AP by class", "config", "predictions"} <= set(found.checked)
    assert is_verified(stored) and verify(stored).problems == ()
    assert stored.parent.name == f"decoupled_mask_rcnn_r50_common_{DECOUPLED['features']}"
    frame = load_results(stored.parent)
    assert set(frame.kind) == {"bbox"} and set(frame.features) == {DECOUPLED["features"]}
    assert set(load_results(stored.parent, per_class=True).kind) == {"bbox"}


def test_no_data_set_is_drawn(
    finished_probe: Path, stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a stored record nothing has to be made; of a run whose annotations are not here, these alone."""
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr("lt_bench.data.glyphs.make", None)
    assert verify(stored).headline == "verified" and not (tmp_path / "empty").exists()
    assert "predictions" in verify(finished_probe / "result.json").checked


def test_every_single_alteration_is_named(stored: Path, remembered: None) -> None:
    record = read(stored)
    walked = list(alterations(record))
    assert len(walked) > 140 and {"track.features", "metrics.segm", "per_class.0.segm"} <= {name for name, _ in walked}
    for field, content in walked:
        stored.write_text(json.dumps(content), encoding="utf-8")
        problems = verify(stored).problems
        assert problems, field
        assert names(problems, field, record), (field, problems)


def test_what_only_seal_and_name_protect(stored: Path, remembered: None) -> None:
    """A second alteration, that of the seal to fit, hides nothing but what nothing else can know."""
    hidden = set()
    for field, content in alterations(read(stored)):
        if field.startswith("seal") or field == "schema_version" or not sealed_anew(stored, content):
            continue
        if not verify(stored).problems:
            hidden.add(field)
    assert hidden == ONLY_SEALED


def test_masks_that_only_the_evidence_has_are_named(finished: Path, tmp_path: Path) -> None:
    """A record of masks can't be passed off as one of boxes."""
    folder = Path(shutil.copytree(finished, tmp_path / "run"))
    content = boxes_alone(json.loads((folder / "result.json").read_text(encoding="utf-8")))
    assert sealed_anew(folder / "result.json", content | {"schema_version": 4})
    problems = {(problem.field, problem.found) for problem in verify(folder / "result.json").problems}
    assert {("metrics.segm", found) for found in ("in the evidence", "a mask head in the config")} <= problems


@pytest.mark.parametrize(
    ("place", "field"),
    [
        (("probe", "features", "name"), "track.features"),
        (("probe", "features", "checkpoint"), "init.description"),
        (("probe", "features", "train_annotations"), "data.train_annotations"),
        (("probe", "test", "annotations"), "data.val_annotations"),
        (("probe", "track", "recipe"), "track.recipe"),
        (("probe", "schedule", "steps"), "iterations"),
        (("probe", "sampler", "images"), "fingerprint"),
        (("loss", "loss"), "loss.name"),
        (("loss", "hyper_parameters", "p"), "loss.hyper_parameters.p"),
        (("loss", "hyper_parameters", "surprise"), "loss.hyper_parameters.surprise"),
        (("loss", "non_default"), "loss.non_default"),
        (("loss", "image_count", 2), "per_class.3.image_count"),
        (("loss", "num_images"), "data.train_images"),
        (("seed",), "seed"),
        (("overrides",), "overrides"),
        (("probe",), "config"),
        (("loss",), "config"),
    ],
)
def test_what_the_config_denies_is_named(stored: Path, place: tuple[Any, ...], field: str) -> None:
    path = files_of(stored).config
    config = read_config(path)
    node: Any = config
    for part in place[:-1]:
        node = node[part]
    node[place[-1]] = ["other"] if place[-1] in ("non_default", "overrides") else "other"
    path.write_text(config_text(config), encoding="utf-8")
    problems = [problem.field for problem in verify(stored).problems]
    assert field in problems
    assert set(problems) <= {field, "fingerprint"}


def test_a_config_of_training_in_full_is_none_of_features(stored: Path, finished: Path) -> None:
    shutil.copyfile(finished / "config.py", files_of(stored).config)
    assert "track.features" in {problem.field for problem in verify(stored).problems}

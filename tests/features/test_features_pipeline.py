"""Making features: interrupted at any moment, on a full disk, twice, and in a folder of others."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from command_line import _context
from features_fixtures import SETTINGS, TRAIN_IMAGES, VAL_IMAGES, killed

from lt_bench.errors import UserError
from lt_bench.features import pipeline, size
from lt_bench.features.pipeline import make_features
from lt_bench.features.plan import Plan, Settings, make_plan
from lt_bench.features.source import of_run
from lt_bench.features.store import FeatureSet, open_features


def plan(run: Path, **changes: Any) -> Plan:
    return make_plan(of_run(run), replace(SETTINGS, **changes))


def content(folder: Path) -> dict[str, bytes]:
    """Everything that a folder of features holds but the notes of how it came about."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in ("progress.json", ".lock"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.slow
def test_killed_again_and_again_it_ends_with_the_same_bytes(finished: Path, stored: FeatureSet, tmp_path: Path) -> None:
    # within a chunk; between what is on the disk and the note of it; with headers, but without the note of the digests
    for name, times in (("SplitWriter.append", 7), ("ProgressFile.commit", 2), ("ProgressFile.finish", 2)):
        process = _context.Process(target=killed, args=(finished, tmp_path / "out", name, times, 4))
        process.start()
        process.join()
        assert process.exitcode == -9, name
        with pytest.raises(UserError, match="not finished"):
            open_features(tmp_path / "out")
    again = make_features(plan(finished, images_per_chunk=8), tmp_path / "out")
    assert content(tmp_path / "out") == content(stored.path)
    assert again.manifest == stored.manifest


def test_the_manifest_says_what_it_is_of(finished: Path, stored: FeatureSet) -> None:
    manifest = stored.manifest
    assert manifest.run is not None and (manifest.run.loss, manifest.run.seed) == ("ce", 3)
    assert manifest.run.track.dataset == "lvis_v1"
    assert manifest.name == f"ce_3_{manifest.checkpoint_sha256[:8]}"
    assert {name: facts.images for name, facts in manifest.splits.items()} == {
        "train_0": TRAIN_IMAGES,
        "train_1": TRAIN_IMAGES,
        "val": VAL_IMAGES,
        "held_out": len(stored.split("held_out")),
    }
    assert set(stored.split("held_out").image_ids) < set(stored.split("train_0").image_ids)
    assert manifest.head.rois_per_image == 512 and manifest.head.pos_fraction == 0.25
    assert manifest.head.box_stds == (0.1, 0.1, 0.2, 0.2) and not manifest.head.class_agnostic
    assert manifest.head.proposals == 50 and manifest.head.rcnn["score_thr"] == 1e-4
    assert manifest.num_images == 240 and len(manifest.categories) == manifest.num_classes == 30


def test_float16_is_float32_rounded(finished: Path, stored: FeatureSet, tmp_path: Path) -> None:
    half = make_features(plan(finished, precision="float16", epochs=1, held_out=0.0), tmp_path / "out")
    assert list(half.manifest.splits) == ["train_0", "val"]
    for name in half.manifest.splits:
        expected = stored.split(name).features.astype("float16")
        assert half.split(name).features.tobytes() == expected.tobytes()


def test_a_second_call_changes_nothing(finished: Path, stored: FeatureSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "build", None)  # no detector is needed
    before = content(stored.path)
    assert make_features(plan(finished), stored.path).manifest == stored.manifest
    assert content(stored.path) == before


@pytest.mark.parametrize(
    ("changes", "said"), [({"rois": 8}, "--rois"), ({"seed": 1, "held_out": 0.0}, "--held-out, another --seed")]
)
def test_a_folder_of_others(changes: dict[str, Any], said: str, finished: Path, stored: FeatureSet) -> None:
    with pytest.raises(UserError, match=said):
        make_features(plan(finished, **changes), stored.path)


def test_a_checkpoint_that_cant_be_loaded_leaves_the_folder_free(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, whole = plan(finished, seed=8), plan(finished)

    def fail(*_: object, **__: object) -> None:
        raise UserError("the checkpoint is of another model", "name another one")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "build", fail)
        with pytest.raises(UserError, match="another model"):
            make_features(broken, tmp_path / "out")
    monkeypatch.setattr(pipeline, "_make", lambda _, folder, progress, model: folder)
    assert make_features(whole, tmp_path / "out") == tmp_path / "out"  # type: ignore[comparison-overlap]


def test_a_full_disk_is_seen_before_anything_is_computed(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = plan(finished)
    monkeypatch.setattr(pipeline, "build", None)
    monkeypatch.setattr(size, "shutil", SimpleNamespace(disk_usage=lambda _: SimpleNamespace(free=1000)))
    with pytest.raises(UserError, match=r"need 0\.00 GB"):
        make_features(asked, tmp_path / "out")
    assert not (tmp_path / "out" / "train_0").exists()


def test_files_that_lost_what_was_written_are_not_gone_on_with(finished: Path, tmp_path: Path) -> None:
    process = _context.Process(target=killed, args=(finished, tmp_path / "out", "SplitWriter.append", 6, 4))
    process.start()
    process.join()
    (tmp_path / "out/train_0/boxes.npy").write_bytes(b"")
    with pytest.raises(UserError, match=r"boxes\.npy has 0 of"):
        make_features(plan(finished), tmp_path / "out")


def test_a_run_that_is_not_finished(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "run")
    (tmp_path / "run/iter_2.pth").unlink()
    with pytest.raises(UserError, match="no checkpoint any more"):
        of_run(tmp_path / "run")
    (tmp_path / "run/training.json").unlink()
    with pytest.raises(UserError, match="not finished"):
        of_run(tmp_path / "run")
    with pytest.raises(UserError, match=r"run\.json"):
        of_run(tmp_path)


def test_a_share_that_holds_nothing_out(finished: Path) -> None:
    with pytest.raises(UserError, match="is none"):
        make_plan(of_run(finished), Settings(held_out=1e-9))

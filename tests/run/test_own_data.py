"""A data set of the user's own in COCO's form, from training to a table, converted before and not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from coco_form import small_set, write_set
from command_line import forked, small_model

from lt_bench.errors import UserError
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.store import read
from lt_bench.run.experiment import Experiment

TINY = (
    *("--max-iters", "1", "--init", "random", *small_model()),
    *("--set", "train_dataloader.batch_size=2", "--set", "train_dataloader.num_workers=0"),
    *("--set", "train_dataloader.persistent_workers=False", "--set", "test_dataloader.persistent_workers=False"),
    *("--set", "test_dataloader.num_workers=0", "--set", "model.test_cfg.rcnn.max_per_img=5"),
    *("--set", "train_dataloader.dataset.dataset.pipeline.2.scales=[(64, 64)]"),
    *("--set", "test_dataloader.dataset.pipeline.1.scale=(64, 64)"),
)


def run(cwd: Path, *arguments: str, code: int = 0) -> str:
    environment = {"LT_BENCH_CACHE": str(cwd / "cache"), "LT_BENCH_DATA": str(cwd / "nowhere")}
    done = forked("run", "--loss", "ecm", *TINY, *arguments, cwd=cwd, env=environment)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.extra
def test_in_place_it_has_a_table_of_its_own_and_equals_the_converted_one(tmp_path: Path) -> None:
    coco = write_set(tmp_path / "coco", small_set())
    own = ("--images", "coco", "--dataset-name", "my_data")
    files = ("--train-annotations", str(coco["train"]), "--val-annotations", str(coco["val"]))
    said = run(tmp_path, *files, *own, "--work-dir", "in_place", "--leaderboards", "boards")
    assert "are in COCO's form" in said and "taken for exhaustive" in said
    record: ResultRecord = read(tmp_path / "in_place" / "result.json")
    assert record.track.dataset == "my_data"
    assert (record.data.classes, record.data.train_images, record.data.val_images) == (4, 12, 4)
    assert [each.instance_count for each in record.per_class] == [12, 2, 1, 0]
    assert any("taken for exhaustive" in note for note in record.notes)
    page = (tmp_path / "boards" / "my_data.md").read_text(encoding="utf-8")
    assert "# Leaderboard: my" in page and "4 categories" in page

    environment = {"LT_BENCH_CACHE": str(tmp_path / "cache")}
    done = forked("data", "convert", "coco", "--out", "lvis", cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    made = tmp_path / "lvis" / "annotations"
    written = [
        word for split in ("train", "val") for word in (f"--{split}-annotations", str(made / f"lvis_v1_{split}.json"))
    ]
    run(tmp_path, *written, *own, "--work-dir", "converted", "--leaderboards", "boards")
    converted: ResultRecord = read(tmp_path / "converted" / "result.json")
    assert converted.fingerprint == record.fingerprint
    assert converted.data == record.data
    assert converted.metrics == record.metrics

    verified = forked("verify", "in_place", cwd=tmp_path, env=environment)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_own_data_is_trained_as_lvis_is_and_known_names_stay_known() -> None:
    experiment = Experiment(loss="ce", dataset="my_data", own_data=True)
    assert experiment.data_layer == "lvis_v1"
    assert experiment.track().dataset == "my_data"
    assert experiment.digest() != replace(experiment, own_data=False, dataset="lvis_v1").digest()
    with pytest.raises(UserError, match="no data set 'my_data'"):
        Experiment(loss="ce", dataset="my_data")

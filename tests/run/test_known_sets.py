"""Each data set that is known by name, on a miniature of its official files: check, training, evaluation, its page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from command_line import forked, small_model
from miniatures import MINIATURES

from lt_bench.data.known import KNOWN
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.store import read
from lt_bench.run.experiment import Experiment, layer_path
from lt_bench.run.folder import RunFolder

DOC = (Path(__file__).resolve().parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")
TINY = (
    *("--max-iters", "2", "--init", "random", *small_model()),
    *("--set", "train_dataloader.batch_size=2", "--set", "train_dataloader.num_workers=0"),
    *("--set", "train_dataloader.persistent_workers=False", "--set", "test_dataloader.persistent_workers=False"),
    *("--set", "test_dataloader.num_workers=0", "--set", "model.test_cfg.rcnn.max_per_img=5"),
    *("--set", "train_dataloader.dataset.dataset.pipeline.2.scales=[(64, 64)]"),
    *("--set", "test_dataloader.dataset.pipeline.1.scale=(64, 64)"),
)


@pytest.mark.extra
@pytest.mark.parametrize("name", MINIATURES)
def test_from_its_files_to_a_table(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"LT_BENCH_CACHE": str(tmp_path / "cache"), "LT_BENCH_DATA": str(tmp_path / "nowhere")}
    monkeypatch.setenv("LT_BENCH_CACHE", environment["LT_BENCH_CACHE"])
    MINIATURES[name](tmp_path / "data")

    def call(*arguments: str) -> str:
        done = forked(*arguments, cwd=tmp_path, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    assert "no problems" in call("data", "check", "data", "--dataset", name)
    of = ("--dataset", name, "--data-root", "data")
    call("run", "--loss", "ecm", *of, *TINY, "--work-dir", "run", "--leaderboards", "boards")
    folder = RunFolder(tmp_path / "run")
    record: ResultRecord = read(folder.result)
    assert record.track.dataset == name
    page = (tmp_path / "boards" / f"{name}.md").read_text(encoding="utf-8")
    assert KNOWN[name].protocol in page
    assert re.search(r"\*\*Not \S+ in full:\*\*", page)  # a miniature is not passed off as the data set
    assert record.metrics.bbox is not None
    said = call("eval", str(folder.predictions), *of)
    assert f"{100 * record.metrics.bbox.AP:.2f}" in said
    call("verify", "run")


@pytest.mark.parametrize("name", KNOWN)
def test_each_has_its_config_its_place_in_the_docs_and_its_protocol(name: str) -> None:
    known = KNOWN[name]
    assert layer_path("datasets", known.layer).is_file()
    assert Experiment(loss="ce", dataset=name).data_layer == known.layer
    assert f"`{name}`" in DOC
    assert known.protocol or name.startswith("lvis_v")
    for train, val in known.files:
        assert known.how_to_get.format(train=train, val=val)

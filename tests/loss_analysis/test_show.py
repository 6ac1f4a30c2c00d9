"""`losses show`: what it writes, and what it says about mistakes."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from profile_cases import Tiny, Unfinished

from lt_bench.api.loss import LongTailLoss
from lt_bench.api.registry import LossInfo
from lt_bench.cli import main
from lt_bench.loss_analysis import show


def lt_bench(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def annotation_file(tmp_path: Path) -> Path:
    """The counts of four classes in LVIS's form, one of them without an instance."""
    counts = [(5, 6), (50, 70), (500, 900), (0, 0)]
    categories = [
        {
            "id": place + 1,
            "name": f"thing {place}",
            "frequency": "r",
            "image_count": images,
            "instance_count": instances,
        }
        for place, (images, instances) in enumerate(counts)
    ]
    image = {"width": 9, "height": 9, "coco_url": "x/y.jpg", "neg_category_ids": [], "not_exhaustive_category_ids": []}
    content = {"categories": categories, "images": [{"id": key, **image} for key in range(600)], "annotations": []}
    path = tmp_path / "train.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_it_prints_a_table_and_writes_figure_and_numbers(annotation_file: Path, tmp_path: Path) -> None:
    done = lt_bench(
        "losses", "show", "ecm", "ce", "ecm", "--annotations", annotation_file, "--out", tmp_path / "a" / "b"
    )
    assert done.exit_code == 0, done.output
    written = {path.name for path in (tmp_path / "a" / "b").iterdir()}
    assert written == {"ecm-ce.png", "ecm-ce.svg", "ecm-ce.csv"}
    assert all(str(tmp_path / "a" / "b" / name) in done.stdout for name in written)
    assert "Statistics of train.json, 4 classes" in done.stdout
    assert "1 of 4 classes have no training instance" in done.stderr
    with (tmp_path / "a" / "b" / "ecm-ce.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["loss"] for row in rows] == ["ecm"] * 5 + ["ce"] * 5
    assert [row["class"] for row in rows[:5]] == ["thing 0", "thing 1", "thing 2", "thing 3", "background"]
    total = 977 * (1 + 6.3313)
    assert float(rows[1]["margin"]) == pytest.approx(math.log((total - 70) / 70) / 8)
    assert float(rows[6]["margin"]) == pytest.approx(math.log(4))


def test_training_calls_are_in_the_name_of_the_files(annotation_file: Path, tmp_path: Path) -> None:
    done = lt_bench("losses", "show", "eqlv2", "--annotations", annotation_file, "--out", tmp_path, "--after", "3")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "eqlv2-after-3.png").is_file()
    with (tmp_path / "eqlv2-after-3.csv").open(encoding="utf-8", newline="") as file:
        assert {row["calls"] for row in csv.DictReader(file)} == {"3"}


def test_without_annotations_the_counts_are_called_synthetic(tmp_path: Path) -> None:
    done = lt_bench("losses", "show", "ecm", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("Synthetic statistics in the manner of LVIS v1, 1,203 classes")


def test_every_loss_is_shown_and_a_bad_one_named(
    annotation_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins: dict[str, type[LongTailLoss]] = {"tiny": Tiny, "unfinished": Unfinished}
    infos = [LossInfo(name, "somewhere", "1") for name in plugins]
    monkeypatch.setattr(show, "list_losses", lambda: infos)
    monkeypatch.setattr(show, "build_loss", lambda name, stats: plugins[name](stats))
    done = lt_bench("losses", "show", "--all", "--annotations", annotation_file, "--out", tmp_path)
    assert done.exit_code == 1
    assert "can't be measured: unfinished: ArithmeticError: its gradient is not finite" in done.stderr
    assert "tiny" in done.stdout
    assert (tmp_path / "all.csv").read_text(encoding="utf-8").count("tiny") == 5


def test_when_no_loss_can_be_measured_nothing_is_written(
    annotation_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(show, "build_loss", lambda name, stats: Unfinished(stats))
    done = lt_bench("losses", "show", "ce", "--annotations", annotation_file, "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["emc"], "did you mean 'ecm'"),
        ([], "give their names, or --all"),
        (["ecm", "--all"], "give their names, or --all"),
        (["ecm", "--annotations", "nowhere.json"], "nowhere.json: No such file"),
        (["ecm", "--annotations", "text.json"], "not JSON"),
        (["ecm", "--annotations", "list.json"], "not an LVIS annotation file"),
        (["ecm", "--out", "text.json"], "text.json can't be written to"),
        (["ecm", "--after", "-1"], "--after"),
    ],
)
def test_mistakes_are_explained(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.json").write_text("no json", encoding="utf-8")
    (tmp_path / "list.json").write_text("[1]", encoding="utf-8")
    done = lt_bench("losses", "show", *arguments)
    assert done.exit_code == 2, done.output
    assert said in done.stderr
    assert not isinstance(done.exception, Exception) or isinstance(done.exception, SystemExit)
    assert not list(tmp_path.rglob("*.png"))

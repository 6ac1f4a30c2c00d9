"""`eval --as record`: from foreign predictions to a verified row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lt_bench.cli import main
from lt_bench.leaderboard.results import load_results
from lt_bench.leaderboard.store import read

SET = Path(__file__).parents[1] / "evaluation" / "small_set"
ANNOTATIONS = SET / "val.json"
NAMED = ("--as", "record", "--name", "their model", "--dataset", "small")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def rows(shift: int = 0) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((SET / "pred.json").read_text(encoding="utf-8"))
    return [{**row, "category_id": row["category_id"] + shift} for row in found]


def recorded(folder: Path, content: list[dict[str, Any]], *options: object) -> Result:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "theirs.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return call("eval", path, "--annotations", ANNOTATIONS, "--out", folder / "record", *options)


def test_foreign_predictions_become_a_verified_row(tmp_path: Path) -> None:
    done = recorded(tmp_path, rows(-1), "--category-ids", "from-0", *NAMED, "--source", "https://example.org")
    assert done.exit_code == 0, done.output
    record = read(tmp_path / "record" / "result.json")
    assert record.elsewhere is not None and record.elsewhere.file == "theirs.json"
    assert f"{100 * record.metrics.of('bbox').AP:.2f}" == "63.49"  # lvis-api 0.5.3
    verified = call("verify", tmp_path / "record", "--annotations", ANNOTATIONS)
    assert verified.exit_code == 0, verified.output
    assert verified.stdout.startswith("verified: ")
    assert "(checked: schema, seal, evidence, AP by class, predictions)" in verified.stdout
    added = call("leaderboard", "--folder", tmp_path / "board", "--add", tmp_path / "record", "--strict")
    assert added.exit_code == 0, added.output
    assert "| their model" in (tmp_path / "board" / "small.md").read_text(encoding="utf-8")
    assert call("leaderboard", "--folder", tmp_path / "board", "--check", "--strict").exit_code == 0
    assert call("verify", "--all", "--folder", tmp_path / "board").exit_code == 0


def test_verify_names_what_was_altered(tmp_path: Path) -> None:
    assert recorded(tmp_path, rows(), *NAMED).exit_code == 0
    path = tmp_path / "record" / "result.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    for field, value in (("loss", {"name": "ours"}), ("seed", 3), ("elsewhere", {**content["elsewhere"], "file": "x"})):
        path.write_text(json.dumps({**content, field: value}), encoding="utf-8")
        wrong = call("verify", path)
        assert wrong.exit_code == 1 and field in wrong.stdout, wrong.output
    content["metrics"]["bbox"]["AP"] = 0.75
    path.write_text(json.dumps(content), encoding="utf-8")
    assert "metrics.bbox.AP: recorded 0.75, found 0.63" in call("verify", path).stdout
    path.write_text(json.dumps({**content, "training_seconds": 60.0}), encoding="utf-8")
    assert "training_seconds can't be known" in call("verify", path).stdout


def test_other_predictions_beside_it_are_named(tmp_path: Path) -> None:
    assert recorded(tmp_path, rows(), *NAMED).exit_code == 0
    (tmp_path / "theirs.json").write_text(json.dumps(rows()[1:]), encoding="utf-8")
    wrong = call("verify", tmp_path / "record", "--annotations", ANNOTATIONS)
    assert wrong.exit_code == 1 and "predictions: recorded" in wrong.stdout


def test_boxes_alone_and_two_files(tmp_path: Path) -> None:
    boxes = [{key: row[key] for key in row if key != "segmentation"} for row in rows()]
    assert recorded(tmp_path, boxes, *NAMED).exit_code == 0
    assert read(tmp_path / "record" / "result.json").kinds == ("bbox",)
    done = call(
        *("eval", tmp_path / "theirs.json", SET / "pred.json", "--annotations", ANNOTATIONS, *NAMED),
        *("--out", tmp_path / "both"),
    )
    assert done.exit_code == 0, done.output
    record = read(tmp_path / "both" / "result.json")
    assert record.kinds == ("bbox", "segm") and record.elsewhere is not None
    assert record.elsewhere.file == "pred.json"


def test_masks_alone_become_a_verified_row_in_a_table_of_their_own(tmp_path: Path) -> None:
    masks = [{key: row[key] for key in row if key != "bbox"} for row in rows()]
    done = recorded(tmp_path, masks, *NAMED, "--metrics", "ap,ap_fixed,ap_boundary,errors")
    assert done.exit_code == 0, done.output
    path = tmp_path / "record" / "result.json"
    record = read(path)
    assert (record.kinds, record.kind, record.schema_version) == (("segm",), "segm", 9)
    assert f"{100 * record.metrics.of('segm').AP:.2f}" == "63.49"  # lvis-api 0.5.3
    assert "bbox" not in path.read_text(encoding="utf-8")
    found = load_results(tmp_path / "record")
    assert set(found.kind) == {"segm"}
    assert "bbox" not in (tmp_path / "record" / "per_class.csv").read_text(encoding="utf-8")
    verified = call("verify", tmp_path / "record", "--annotations", ANNOTATIONS)
    assert verified.exit_code == 0, verified.output

    both = recorded(tmp_path / "other", rows(), *NAMED[:3], "both", *NAMED[4:])
    assert both.exit_code == 0, both.output
    assert recorded(tmp_path / "asked", rows(), *NAMED[:3], "asked", *NAMED[4:], "--mask-only").exit_code == 0
    assert read(tmp_path / "asked" / "record" / "result.json").metrics == record.metrics
    board = tmp_path / "board"
    for folder in (tmp_path, tmp_path / "other"):
        added = call("leaderboard", "--folder", board, "--add", folder / "record", "--strict")
        assert added.exit_code == 0, added.output
    page = (board / "small.md").read_text(encoding="utf-8")
    parts = page.split("## Measured from predictions made elsewhere")[1:]
    of_masks, of_both = sorted(parts, key=lambda part: "box AP" in part)
    assert "| their model" in of_masks and "measured: masks alone" in of_masks and "box" not in of_masks
    assert "| both" in of_both and "box AP" in of_both and "alone" not in of_both
    compare = ("compare", tmp_path / "record", tmp_path / "other" / "record")
    assert call(*compare).exit_code == 0
    assert "knows nothing of boxes" in call(*compare, "--kind", "bbox").output


def test_altered_masks_are_named(tmp_path: Path) -> None:
    assert recorded(tmp_path, rows(), *NAMED, "--mask-only").exit_code == 0
    path = tmp_path / "record" / "result.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["metrics"]["segm"]["APc"] = 0.75
    path.write_text(json.dumps(content), encoding="utf-8")
    assert "metrics.segm.APc: recorded 0.75, found 0.6" in call("verify", path).stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--as", "record", "--dataset", "small"), "--as record needs --name"),
        (("--as", "record", "--name", "x", "--dataset", " "), "--as record needs --dataset"),
        (("--name", "x"), "--name is for a record"),
        (("--run", "1"), "--run is for a record"),
        ((*NAMED, "--metrics", "errors"), "no ap was asked for"),
        ((*NAMED[:3], "x" * 201, *NAMED[4:]), "--name has 201 characters"),
    ],
)
def test_what_makes_no_record_is_refused_at_once(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    refused = recorded(tmp_path, rows(), *options)
    assert refused.exit_code == 2 and message in refused.stderr, refused.output
    assert not (tmp_path / "record").exists()


def test_the_folder_of_a_run_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "record").mkdir()
    (tmp_path / "record" / "run.json").write_text("{}", encoding="utf-8")
    refused = recorded(tmp_path, rows(), *NAMED)
    assert refused.exit_code == 2 and "is the folder of a run" in refused.stderr
    (tmp_path / "record" / "run.json").unlink()
    assert recorded(tmp_path, rows(), *NAMED).exit_code == 0
    assert recorded(tmp_path, rows(), *NAMED).exit_code == 0  # and again, in the place of its own

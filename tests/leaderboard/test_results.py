"""Records as a table: every number of the files, read by a plain loop, and nothing else."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from record_values import errors, metrics

import lt_bench
from lt_bench.errors import UserError
from lt_bench.leaderboard import ResultRecord
from lt_bench.leaderboard.results import load_results
from lt_bench.leaderboard.store import sealed

COMMITTED = Path(__file__).resolve().parents[2] / "leaderboards" / "results"
Make = Callable[..., ResultRecord]
Publish = Callable[..., Path]


def same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def expected(path: Path, per_class: bool) -> dict[tuple[Any, ...], float]:
    """(path, class id or None, kind, metric) -> value, from the JSON itself."""
    content = json.loads(path.read_text(encoding="utf-8"))
    found = {}
    if per_class:
        for row in content["per_class"]:
            for kind in content["metrics"]:
                found[str(path), row["id"], kind, "AP"] = row[kind]
    else:
        for kind, block in content["metrics"].items():
            for name, value in block.items():
                found[str(path), None, kind, name] = value
    return {key: math.nan if value == -1 else value for key, value in found.items()}


@pytest.mark.parametrize("per_class", [False, True])
def test_the_committed_records_give_all_their_numbers(per_class: bool) -> None:
    frame = load_results(COMMITTED, per_class)
    rows = {
        (row["path"], row.get("class_id"), row["kind"], row["metric"]): row["value"] for row in frame.to_dict("records")
    }
    wanted: dict[tuple[Any, ...], float] = {}
    for path in COMMITTED.rglob("*.json"):
        wanted |= expected(path, per_class)
    plain = {key: value for key, value in rows.items() if key in wanted}  # some may have further metrics
    assert plain.keys() == wanted.keys()
    assert all(same(plain[key], value) for key, value in wanted.items())
    assert len(rows) == len(frame)


def test_a_row_says_which_run_it_is_of(make_record: Make, publish: Publish) -> None:
    loss = {
        "name": "eqlv2",
        "hyper_parameters": {"mu": 0.5, "gamma": 12.0, "alpha": 2.0},
        "non_default": ("mu", "alpha"),
    }
    record = make_record(loss, dataset="glyphs", ap=0.25, seed=7)
    root = publish(record, make_record("ce"))
    frame = load_results(str(root / "results"))
    assert len(frame) == 2 * 2 * 10
    row = frame[(frame.loss == "eqlv2") & (frame.kind == "segm") & (frame.metric == "AP")].iloc[0]
    assert row[["dataset", "detector", "backbone", "schedule", "recipe"]].tolist() == list(
        record.track.model_dump().values()
    )
    assert row["hyper_parameters"] == "alpha=2.0, mu=0.5"
    assert (row["distribution"], row["seed"], row["value"]) == ("lt_bench 0.1.0", 7, 0.25)
    assert (row["fingerprint"], row["init"], row["amp"], row["val_images"]) == ("a" * 64, "pretrained", False, 100)
    assert row["started"] == pd.Timestamp("2025-03-01 12:30", tz="UTC")
    assert ResultRecord.model_validate_json(Path(row["path"]).read_bytes()) == sealed(record)
    assert set(frame[frame.loss == "ce"].hyper_parameters) == {""}
    assert frame.value.dtype == "float64" and frame.seed.dtype == "int64"


def test_metrics_on_request_have_names_of_their_own(make_record: Make, publish: Publish) -> None:
    blocks = {
        "ap_fixed": {"bbox": metrics(0.1), "segm": metrics(0.2, APr=-1)},
        "ap_boundary": metrics(0.3),
        "errors": errors(classification=-1.0),
    }
    root = publish(make_record("ce"), make_record("ecm", **blocks))
    frame = load_results(root / "results")
    values = frame[frame.loss == "ecm"].set_index(["kind", "metric"]).value
    assert values.index.is_unique
    assert (values["bbox", "AP_fixed"], values["segm", "AP50_fixed"]) == (0.1, 0.2)
    assert math.isnan(values["segm", "APr_fixed"])
    assert values["segm", "AP_boundary"] == 0.3
    assert ("bbox", "AP_boundary") not in values.index
    assert values["segm", "dAP50_classification_all"] == -1.0  # a difference: no sign of absence
    assert values["bbox", "dAP50_missed_r"] == 0.01
    assert values["segm", "AP50_f"] == 0.5
    assert not frame[frame.loss == "ce"].metric.str.contains("_").any()


def test_the_evidence_of_a_record_is_named_where_it_has_one(make_record: Make, publish: Publish) -> None:
    fields = {"evidence": "e" * 64} if "evidence" in ResultRecord.model_fields else {}
    root = publish(make_record("ce"), make_record("ecm", **fields))
    evidence = load_results(root / "results").set_index("loss").evidence
    assert evidence["ce"].isna().all()
    assert set(evidence["ecm"].dropna()) == set(fields.values())


def test_classes_have_rows_of_their_own(make_record: Make, publish: Publish) -> None:
    rows = load_results(publish(make_record("ce")) / "results", per_class=True)
    assert rows[["class_id", "class_name", "frequency", "image_count", "instance_count"]].values.tolist() == [
        *([3, "class 3", "r", 5, 7], [3, "class 3", "r", 5, 7], [8, "class 8", "f", 5, 7], [8, "class 8", "f", 5, 7])
    ]
    assert rows.value[rows.kind == "bbox"].tolist() == [0.1, 0.1]
    assert rows.value[rows.kind == "segm"].isna().all()  # no ground truth
    further = {"bbox_fixed": 0.2, "segm_fixed": 0.3, "boundary": -1}
    record = make_record("ecm", per_class=[row.model_dump() | further for row in make_record().per_class])
    found = load_results(publish(record) / "results", per_class=True).set_index(["loss", "class_id", "kind", "metric"])
    assert found.value["ecm", 3, "bbox", "AP_fixed"] == 0.2
    assert found.value["ecm", 8, "segm", "AP_fixed"] == 0.3
    assert math.isnan(found.value["ecm", 8, "segm", "AP_boundary"])


def test_a_record_that_lies_there_twice_counts_once(make_record: Make, publish: Publish) -> None:
    root = publish(make_record("ce"), make_record("ce", seed=1))
    (first, _) = sorted((root / "results").rglob("*.json"))
    copy = root / "results" / "work" / "result.json"  # after the other one, in the order of the paths
    copy.parent.mkdir()
    copy.write_bytes(first.read_bytes())
    frame = load_results(root)
    assert len(frame) == 2 * 20
    assert str(first) in set(frame.path) and str(copy) not in set(frame.path)


def test_what_is_no_record_is_named_and_left_out(make_record: Make, publish: Publish) -> None:
    root = publish(make_record("ce"))
    (root / "results" / "broken.json").write_text("{", encoding="utf-8")
    with pytest.warns(UserWarning, match=r"left out: .*broken\.json: not a valid record") as caught:
        frame = load_results(root / "results")
    assert len(caught) == 1
    assert caught[0].filename == __file__  # where it was called
    assert len(frame) == 20


def test_a_missing_folder_is_a_mistake_and_an_empty_one_is_empty(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no folder .*absent"):
        load_results(tmp_path / "absent")
    with pytest.raises(UserError, match=r"there is no folder .*file"):
        (tmp_path / "file").touch()
        load_results(tmp_path / "file")
    (tmp_path / "file").unlink()
    empty = load_results(tmp_path)
    assert len(empty) == 0
    assert list(empty.columns) == list(load_results(COMMITTED).columns)
    assert (empty.value > 0.5).sum() == 0
    assert list(load_results(tmp_path, per_class=True).columns) == list(load_results(COMMITTED, True).columns)


def test_the_package_offers_it_and_imports_it_when_asked() -> None:
    assert lt_bench.load_results is load_results
    loaded = "'pandas' in sys.modules"
    code = f"import sys, lt_bench\nassert not {loaded}\nlt_bench.load_results\nassert {loaded}"
    subprocess.run((sys.executable, "-c", code), check=True)


def test_of_a_folder_of_runs_the_results_are_read(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "runs" / "a")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frame = load_results(tmp_path / "runs")
    assert set(frame.path) == {str(tmp_path / "runs" / "a" / "result.json")}
    unfinished = tmp_path / "runs" / "b"
    unfinished.mkdir()
    shutil.copyfile(finished / "run.json", unfinished / "run.json")
    with pytest.warns(UserWarning, match=r"left out: .*b: the run is not finished") as caught:
        assert len(load_results(tmp_path / "runs")) == len(frame)
    assert len(caught) == 1

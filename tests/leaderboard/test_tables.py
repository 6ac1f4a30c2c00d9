from __future__ import annotations

import statistics
from datetime import datetime, timedelta, timezone

import pytest
from record_values import errors, metrics

from lt_bench.leaderboard import tables as module
from lt_bench.leaderboard.rows import Run


def tables(records):
    return module.tables([Run(record) for record in records])


def rows(*records):
    made, problems = tables(records)
    assert problems == []
    (table,) = made
    return table.frame.to_dict("records")


def test_mean_and_sample_standard_deviation_over_seeds(make_record) -> None:
    values = [0.2512345, 0.2601, 0.24377]
    (row,) = rows(*(make_record(ap=value, seed=seed) for seed, value in enumerate(values)))
    percent = [100 * value for value in values]
    assert row["mask AP"] == f"{statistics.mean(percent):.2f} ± {statistics.stdev(percent):.2f}"
    assert row["seeds"] == "3"
    assert row["box AP"] == "50.00 ± 0.00"


def test_one_seed_has_no_deviation(make_record) -> None:
    (row,) = rows(make_record(ap=0.123456))
    assert (row["mask AP"], row["APr"], row["seeds"]) == ("12.35", "12.50", "1 (single run)")


def test_sorted_by_mask_ap_with_the_difference_to_ce(make_record) -> None:
    records = [make_record("ce", ap=0.20), make_record("ecm", ap=0.3021), make_record("eql", ap=0.1)]
    assert [(row["loss"], row[module.DELTA]) for row in rows(*records)] == [
        ("ecm", "+10.2, interval unknown (n = 1)"),
        ("ce", "0.0"),
        ("eql", "-10.0, interval unknown (n = 1)"),
    ]
    assert [(row["loss"], row[module.DELTA]) for row in rows(*records[1:])] == [("ecm", "-"), ("eql", "-")]


def test_a_plugin_named_ce_is_not_the_baseline(make_record) -> None:
    plugin = {"name": "ce", "distribution": "other", "distribution_version": "2"}
    table = rows(make_record(plugin, ap=0.4), make_record("ecm", ap=0.3))
    assert [(row["loss"], row[module.DELTA]) for row in table] == [("ce (other 2)", "-"), ("ecm", "-")]


@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
def test_what_has_no_ground_truth_has_no_number(make_record, iou_type) -> None:
    metrics = make_record().metrics.model_dump()
    metrics[iou_type] = dict.fromkeys(metrics[iou_type], -1.0)
    (row,) = rows(make_record(metrics=metrics))
    assert row["box AP"] == ("-" if iou_type == "bbox" else "50.00")
    assert row["APr"] == ("-" if iou_type == "segm" else "12.50")


@pytest.mark.parametrize(
    "difference",
    [
        {"fingerprint": "f" * 64},
        {"init": {"kind": "random", "description": "resnet50-0676ba61.pth"}},
        {"amp": True},
        {"dataset": "other"},
        {"data": {"classes": 2, "train_images": 240, "val_images": 99}},
        {"data": {"classes": 2, "train_images": 240, "val_images": 100, "val_annotations": "e" * 64}},
    ],
    ids=str,
)
def test_what_differs_in_more_than_the_loss_is_never_in_one_table(make_record, difference) -> None:
    first = make_record("ce", ap=0.1)
    if "data" in difference:
        difference = {"data": {**first.data.model_dump(), **difference["data"]}}
    made, problems = tables([first, make_record("ecm", **difference), make_record("eql")])
    assert problems == []
    assert sorted(len(table.frame) for table in made) == [1, 2]
    alone = next(table for table in made if len(table.frame) == 1)
    assert alone.frame[module.DELTA].tolist() == ["-"]


@pytest.mark.parametrize("field", ["detector", "backbone", "schedule", "recipe"])
def test_a_track_has_its_own_table(make_record, field) -> None:
    first = make_record()
    other = make_record("ce", track={**first.track.model_dump(), field: "other"})
    made, _ = tables([first, other])
    assert [len(table.frame) for table in made] == [1, 1]


def test_random_weights_of_different_seeds_belong_together(make_record) -> None:
    records = [make_record(seed=k, init={"kind": "random", "description": f"seed {k}"}) for k in range(2)]
    (row,) = rows(*records)
    assert row["seeds"] == "2"


def test_hyper_parameters_make_rows_and_are_shown_where_they_matter(make_record) -> None:
    base = {"name": "ecm", "hyper_parameters": {"fg_bg_ratio": 6.3313, "float32_weights": False}}
    other = {
        "name": "ecm",
        "hyper_parameters": {"fg_bg_ratio": 3.0, "float32_weights": False},
        "non_default": ["fg_bg_ratio"],
    }
    table = rows(make_record(base, ap=0.3), make_record(other, ap=0.2), make_record("ce", ap=0.1))
    assert [row["loss"] for row in table] == ["ecm (fg\\_bg\\_ratio=6.3313)", "ecm (fg\\_bg\\_ratio=3.0)", "ce"]
    table = rows(make_record(other, ap=0.2), make_record("ce", ap=0.1))
    assert [row["loss"] for row in table] == ["ecm (fg\\_bg\\_ratio=3.0)", "ce"]
    assert [row["loss"] for row in rows(make_record(base))] == ["ecm"]


def test_hyper_parameters_of_different_types_are_different(make_record) -> None:
    records = [make_record({"name": "x", "hyper_parameters": {"p": value}}) for value in (1, 1.0, True, "1")]
    assert len(rows(*records)) == 4


def test_versions_are_not_averaged(make_record) -> None:
    old = {"distribution_version": "0.1.0"}
    new = {"distribution_version": "0.2.0"}
    table = rows(
        make_record({"name": "ce", **old}, ap=0.1),
        make_record({"name": "ce", **new}, ap=0.2),
        make_record({"name": "ecm", **new}, ap=0.3),
        make_record({"name": "mine", "distribution": "other"}, ap=0.4),
    )
    assert [(row["loss"], row[module.DELTA]) for row in table] == [
        ("mine (other 0.1.0)", "-"),  # two to choose from
        ("ecm (lt\\_bench 0.2.0)", "+10.0, interval unknown (n = 1)"),
        ("ce (lt\\_bench 0.2.0)", "0.0"),
        ("ce (lt\\_bench 0.1.0)", "0.0"),
    ]


def test_a_seed_counts_once_and_the_newest_run_wins(make_record) -> None:
    start = datetime(2025, 1, 1, tzinfo=timezone.utc)
    runs = [make_record(ap=value, started=start + timedelta(days=day)) for day, value in ((0, 0.1), (2, 0.3), (1, 0.2))]
    (table,), problems = tables(runs)
    assert table.frame[["seeds", "mask AP"]].to_numpy().tolist() == [["1 (single run)", "30.00"]]
    assert len(problems) == 2
    assert "2025-01-01" in problems[0]
    assert "left out" in problems[0]


def test_time_and_memory(make_record) -> None:
    gpu = {"peak_bytes": 3 * 2**30, "kind": "cuda"}
    records = [
        make_record(seed=0, training_seconds=3600.0, memory=gpu),
        make_record(seed=1, training_seconds=3723.0, memory={"peak_bytes": 5 * 2**29, "kind": "cuda"}),
        make_record(seed=2, training_seconds=3661.5, memory={"peak_bytes": 2**30, "kind": "host"}),
    ]
    (row,) = rows(*records)
    assert row["training"] == "1:01:02"  # the mean, 3661.5 s, to the nearest even second
    assert row["memory"] == "3.0 GiB (cuda), 1.0 GiB (host)"


FIXED = {kind: metrics(value, AP=value / 2) for kind, value in (("bbox", 0.5), ("segm", 0.25))}


def test_further_metrics_have_tables_of_their_own(make_record) -> None:
    (plain,), _ = tables([make_record()])
    assert plain.further == {}
    (table,), _ = tables(
        [
            make_record("ce", ap=0.1, ap_fixed=FIXED),
            make_record("ecm", ap=0.3, ap_fixed=FIXED, ap_boundary=metrics(0.125, APr=-1.0)),
            make_record("ecm", ap=0.2, seed=1, ap_fixed={**FIXED, "segm": metrics(0.25, AP=0.225)}),
            make_record("eql", ap=0.4),
        ]
    )
    assert table.frame["loss"].tolist() == ["eql", "ecm", "ce"]
    assert table.further["ap_fixed"].to_dict("records") == [
        {"loss": "ecm", "seeds": "2", "mask AP_fixed": "17.50 ± 7.07"}
        | dict.fromkeys(("APr", "APc", "APf"), "25.00 ± 0.00")
        | {"box AP_fixed": "25.00 ± 0.00"},
        {"loss": "ce", "seeds": "1 (single run)", "mask AP_fixed": "12.50"}
        | dict.fromkeys(("APr", "APc", "APf"), "25.00")
        | {"box AP_fixed": "25.00"},
    ]
    (boundary,) = table.further["ap_boundary"].to_dict("records")
    assert (boundary["loss"], boundary["seeds"], boundary["boundary AP"]) == ("ecm", "1 (single run)", "12.50")
    assert (boundary["APr"], boundary["APc"]) == ("-", "12.50")
    assert list(table.further) == ["ap_fixed", "ap_boundary"]


def test_errors_are_shown_by_group(make_record) -> None:
    (table,), _ = tables(
        [
            make_record("ce", errors=errors(missed=-0.02)),
            make_record("ce", seed=1, errors=errors(missed=0.04)),
            make_record("ecm"),
        ]
    )
    rows_of = table.further["errors"].to_dict("records")
    assert [(row["loss"], row["classes"]) for row in rows_of] == [
        ("ce", name) for name in ("all", "rare", "common", "frequent")
    ]
    assert (rows_of[0]["AP50"], rows_of[0]["missed"], rows_of[0]["both"]) == (
        "50.00 ± 0.00",
        "1.00 ± 4.24",
        "1.00 ± 0.00",
    )

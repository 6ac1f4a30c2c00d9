from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from made_probe import probe_config
from record_values import DECOUPLED

from lt_bench.leaderboard.caption import caption
from lt_bench.leaderboard.dumped_config import config_text
from lt_bench.leaderboard.rows import Run
from lt_bench.leaderboard.tables import tables


def fact(records, name):
    (table,), _ = tables(map(Run, records))
    (line,) = (line for line in "\n".join(caption(table)).splitlines() if line.startswith(f"- {name}"))
    return line


@pytest.mark.parametrize(
    ("seeds", "line"),
    [
        ({"ce": (0,), "ecm": (0,)}, "- seeds: 0"),
        ({"ce": (2, 0, 10), "ecm": (0, 2, 10)}, "- seeds: 0, 2, 10"),
        ({"ce": (0, 1, 2), "ecm": (0, 2)}, "- seeds: 0, 1, 2; **missing: ecm 1**; hence no runs are paired by seed"),
        ({"ce": (0, 1), "ecm": (3,)}, "- seeds: 0, 1, 3; **missing: ce 3; ecm 0, 1**"),
    ],
)
def test_seeds_that_a_loss_lacks_are_named(make_record, seeds, line) -> None:
    records = [make_record(loss, ap=0.3 - 0.1 * (loss == "ecm"), seed=seed) for loss in seeds for seed in seeds[loss]]
    assert fact(records, "seeds") == line


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["+model.backbone.depth=18", "train_cfg.max_epochs=1"], "of `model`, `train_cfg` a part was changed by hand"),
        (["--max-iters 2", "3 images left out", "log_level='DEBUG'"], ""),
    ],
)
def test_a_heading_that_names_other_settings_is_put_right(make_record, overrides, said) -> None:
    (table,), _ = tables([Run(make_record(overrides=overrides))])
    parts = [part for part in caption(table) if "what the heading names" in part]
    assert len(parts) == bool(said)
    assert all(said in part for part in parts)


@pytest.mark.parametrize(("epochs", "said"), [(12, "12 epochs, 360 iterations"), (0, "; 360 iterations")])
def test_a_run_that_counts_its_steps_names_no_epochs(make_record, epochs: int, said: str) -> None:
    line = fact([make_record(epochs=epochs)], "detector")
    assert line.endswith(said)


def test_a_decoupled_table_says_which_rois_are_stored(make_record, tmp_path: Path) -> None:
    record = make_record(track=DECOUPLED)
    config = probe_config(record)
    evidence = tmp_path / "ce_seed0_1.evidence.parquet"
    (table,), _ = tables([Run(record)])
    assert "features:" not in "\n".join(caption(table))
    config["probe"]["features"] |= {"rois": 512, "epochs_of_boxes": 2, "precision": "float16"}
    evidence.with_name("ce_seed0_1.config.py").write_text(config_text(config), encoding="utf-8")
    named = replace(table, rows=tuple(replace(row, runs=(Run(record, evidence),)) for row in table.rows))
    assert "- features: of each training image 512 RoIs at most in 2 passes, float16" in "\n".join(caption(named))

"""Mean and standard deviation over the seeds, by loss and by value of a hyper-parameter."""

from __future__ import annotations

import statistics
from pathlib import Path

from made_runs import made_record, made_run

from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.probe.plan import Planner
from lt_bench.probe.table import grouped, table
from lt_bench.probe.workers import Outcome


def records(skill: float, seeds: int) -> list[ResultRecord]:
    return [made_record(made_run(skill, seed), "e" * 64, seed=seed) for seed in range(seeds)]


def test_a_row_for_each_group() -> None:
    groups = {"ce": records(0.4, 3), "seesaw": records(0.6, 1)}
    lines = table(groups, "loss").splitlines()
    assert lines[0].split() == ["loss", "AP", "APr", "APc", "APf", "seeds"]
    values = [100 * record.metrics.of("bbox").AP for record in groups["ce"]]
    assert f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}" in lines[2]
    assert lines[2].endswith("3")
    assert f" {100 * groups['seesaw'][0].metrics.of('bbox').AP:.2f} " in lines[3] and "±" not in lines[3]


def test_groups_are_in_the_order_that_was_asked_for(planner: Planner, tmp_path: Path) -> None:
    runs = {key: [planner.run("seesaw", {"p": key}, seed, tmp_path) for seed in range(2)] for key in (0.9, 0.1, 0.5)}
    made = records(0.5, 2)
    outcomes = [Outcome(runs[key][seed], made[seed] if key != 0.5 else None) for seed in range(2) for key in runs]
    keys = {run.folder: key for key, own in runs.items() for run in own}
    assert grouped(outcomes, keys) == {0.9: made, 0.1: made}

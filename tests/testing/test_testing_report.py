"""The table of verdicts, each failure with its case and the command that shows it again."""

from __future__ import annotations

import json

from lt_bench.testing.cases import long_tail, make_case
from lt_bench.testing.report import as_json, report
from lt_bench.testing.result import Result

RESULTS = [
    Result("gradient", "passed", "1e-9 off"),
    Result("order", "failed", "deviation 1", make_case(long_tail(2), [0, 2], seed=3)),
    Result("ranks", "not applicable", "no state"),
]


def test_the_table_and_the_failing_case() -> None:
    assert report("mine", RESULTS, "again {check}").splitlines() == [
        "mine: 1 passed, 1 failed, 1 not applicable",
        "  gradient  passed  1e-9 off",
        "  order     FAILED  deviation 1",
        "  ranks     n/a     no state",
        "",
        "  order failed: deviation 1",
        "    C = 2 classes in 5000 images",
        "    image counts [1000, 2]",
        "    instance counts [3000, 6]",
        "    N = 2 RoIs, labels [0, 2] (2 is background)",
        "    logits 3 * standard normal, rows [0, 1] of 2, seed 3",
        "    again: again order",
    ]


def test_json_holds_what_the_case_follows_from() -> None:
    found = json.loads(json.dumps(as_json(RESULTS)))
    assert [(row["check"], row["status"]) for row in found] == [(one.check, one.status) for one in RESULTS]
    assert found[0]["case"] is None
    assert found[1]["case"]["labels"] == [0, 2]
    assert found[1]["case"]["image_count"] == [1000, 2]

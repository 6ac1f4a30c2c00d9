from __future__ import annotations

import pandas as pd

from lt_bench.leaderboard.markdown import escape, table


def test_escaped_text_is_shown_as_it_is() -> None:
    assert escape("lvis_v1 (a|b)") == "lvis\\_v1 (a\\|b)"
    assert escape("plain text, 0.5 = 50 %") == "plain text, 0.5 = 50 %"


def test_cells_stand_in_a_table_as_they_are() -> None:
    lines = table(pd.DataFrame({"loss": ["ce", "1e3"], "AP": ["7.50", "12.00"]}), left=["loss"]).splitlines()
    assert [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]] == [
        ["ce", "7.50"],
        ["1e3", "12.00"],
    ]
    left, right = lines[1].strip("|").split("|")
    assert left.startswith(":") and not left.endswith(":")
    assert right.endswith(":") and not right.startswith(":")

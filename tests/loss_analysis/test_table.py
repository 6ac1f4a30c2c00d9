"""Table and CSV say what the profiles hold."""

from __future__ import annotations

import csv
from pathlib import Path

from profile_cases import COLUMNS, PROFILES, STATS

from lt_bench.loss_analysis.table import summary, write_csv


def test_the_table_shows_medians_of_the_groups() -> None:
    rows = [line.split() for line in summary(PROFILES, STATS).splitlines()]
    assert rows[0] == ["loss", "classes", "weight", "margin", "positive", "negative", "positive:negative"]
    # The rare classes are 0, 3 and 5; common 2 and 6; frequent 1, 4 and 7.
    assert rows[2] == ["one", "rare", "4", "8", "12", "16", "28"]
    assert rows[3] == ["common", "5", "10", "15", "20", "35"]
    assert rows[4] == ["frequent", "5", "10", "15", "20", "35"]
    assert rows[5] == ["background", "9", "18", "27", "36", "63"]
    assert rows[6][:3] == ["other", "rare", "40"]
    assert rows[9] == ["background", "-", "-", "-", "-", "-"]


def test_the_csv_holds_every_number(tmp_path: Path) -> None:
    write_csv(PROFILES, STATS, tmp_path / "numbers.csv")
    with (tmp_path / "numbers.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * (STATS.num_classes + 1)
    third = rows[2]
    assert (third["loss"], third["label"], third["group"]) == ("one", "2", "common")
    assert (third["image_count"], third["instance_count"]) == ("40", "90")
    assert [float(third[column]) for column in COLUMNS] == [3.0 * (place + 1) for place in range(len(COLUMNS))]
    assert (rows[8]["class"], rows[8]["image_count"]) == ("background", "")
    assert rows[-1]["weight"] == ""

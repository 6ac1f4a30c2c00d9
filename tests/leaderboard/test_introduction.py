"""What a page says before its tables."""

from __future__ import annotations

import re

from lt_bench.data.known import KNOWN
from lt_bench.leaderboard import regenerate


def test_glyphs_say_what_they_are_not(make_record, publish) -> None:
    pages, _ = regenerate(publish(make_record(dataset="glyphs"), make_record(dataset="glyphs-1203"), make_record()))
    for page in pages:
        assert ("synthetic data" in page.read_text()) == page.name.startswith("glyphs")
        assert ("**What it is not:**" in page.read_text()) == page.name.startswith("glyphs")


def test_what_a_detector_keeps_is_said_of_the_data_set_in_hand(make_record, publish) -> None:
    names = ("glyphs", "glyphs-lt", "glyphs-1203")
    pages, _ = regenerate(publish(*(make_record(dataset=name) for name in names)))
    said = [re.findall(r"On `(\S+)` a detector keeps .* about (\w+) can", page.read_text()) for page in pages]
    assert {page.stem: found for page, found in zip(pages, said, strict=True)} == {
        "glyphs": [("glyphs", "six")],
        "glyphs-lt": [("glyphs-lt", "five")],
        "glyphs-1203": [],
    }


def test_a_part_of_lvis_is_not_passed_off_as_lvis(make_record, publish) -> None:
    folder = publish(make_record(dataset="lvis_v1"))
    assert "**Not lvis\\_v1 in full:**" in regenerate(folder)[0][0].read_text()


def test_how_to_read_a_table_is_said_where_there_is_one(make_record, publish) -> None:
    pages, _ = regenerate(publish(make_record()), published=True)
    texts = {page.name: page.read_text(encoding="utf-8") for page in pages}
    assert sorted(texts) == ["lvis_v1.md", "made.md"]
    for word in ("**seeds**", "**rank**", "**Δ vs ce (95 %)**", "**evidence**", "1,000 resamples"):
        assert word in texts["made.md"]
        assert word not in texts["lvis_v1.md"]


def test_a_known_data_set_says_its_protocol_and_minival_stands_apart_from_all_of_lvis(make_record, publish) -> None:
    pages, _ = regenerate(publish(make_record(dataset="lvis_v1"), make_record(dataset="lvis_minival")))
    texts = {page.name: page.read_text(encoding="utf-8") for page in pages}
    assert sorted(texts) == ["lvis_minival.md", "lvis_v1.md"]
    assert KNOWN["lvis_minival"].protocol in texts["lvis_minival.md"]
    assert "minival" not in texts["lvis_v1.md"] and KNOWN["lvis_minival"].protocol

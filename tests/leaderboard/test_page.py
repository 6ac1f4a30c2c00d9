from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import pytest
from record_values import errors, metrics

from lt_bench.leaderboard import markdown, read, record_path, regenerate, write
from lt_bench.leaderboard.introduction import how_to_read
from lt_bench.leaderboard.markdown import escape


def test_pages_depend_on_the_records_alone(tmp_path: Path, make_record, publish) -> None:
    records = [make_record(loss, seed=seed, ap=0.1 * seed) for loss in ("ce", "ecm") for seed in (0, 1, 2)]
    folder = publish(*records)
    (page,), problems = regenerate(folder)
    assert problems == []
    assert page == folder / "made.md"
    first = page.read_bytes()
    regenerate(folder)
    assert page.read_bytes() == first
    # the same records under other names, written in another order, in another folder
    elsewhere = tmp_path / "elsewhere"
    for index, record in enumerate(reversed(records)):
        write(record, elsewhere / "results" / f"{index}.json")
    regenerate(elsewhere)
    assert (elsewhere / "made.md").read_bytes() == first


def test_every_data_set_has_its_own_page(make_record, publish) -> None:
    names = ["one", "two", "One", "one/two", "../one", "one two", "one|two"]
    folder = publish(*(make_record(dataset=name, ap=index / 100) for index, name in enumerate(names)))
    pages, problems = regenerate(folder)
    assert problems == []
    assert len(set(pages)) == len(names)
    assert {page.parent for page in pages} == {folder}
    assert {str(page).lower() for page in pages} == {str(page) for page in pages}
    for index, name in enumerate(names):
        (page,) = (page for page in pages if page.read_text().split("\n")[2] == f"# Leaderboard: {escape(name)}")
        assert f" {index}.00 " in page.read_text()


def test_two_fingerprints_are_two_tables(make_record, publish) -> None:
    folder = publish(make_record("ce"), make_record("ecm"), make_record("ecm", fingerprint="0123456789ab" + "f" * 52))
    ((page,), _) = regenerate(folder)
    text = page.read_text()
    headings = re.findall(r"^## .*", text, re.MULTILINE)
    assert [re.findall(r"fingerprint ([0-9a-f]+)\)", heading)[0] for heading in headings] == [
        "0123456789ab",
        "aaaaaaaaaaaa",
    ]
    first, second = text.split("## ")[1:]
    assert first.count(" | ecm ") == 1 and " | ce " not in first
    assert second.count(" | ecm ") == 1 and second.count(" | ce ") == 1


def test_a_caption_says_under_what_conditions(make_record, publish) -> None:
    folder = publish(make_record(seed=4, overrides=["lr=0.1"], git=None), make_record(seed=11))
    text = regenerate(folder)[0][0].read_text()
    for fact in (
        "2 categories, 240 training images",
        "100 validation images",
        "mask\\_rcnn r50 1x, recipe common",
        "pretrained (resnet50-0676ba61.pth)",
        "1 x NVIDIA A100",
        "vernier 0.5.4",
        "seeds: 4, 11",
        "a" * 64,
        "changed by hand: lr=0.1",
        "1 of 2 runs came from code that no commit holds",
        "**±** is the sample standard deviation",
        "what another seed would have given is unknown",
    ):
        assert fact in text
    assert "RANDOM WEIGHTS" not in text


def test_further_metrics_follow_the_table(make_record, publish) -> None:
    fixed = {"bbox": metrics(0.5), "segm": metrics(0.375)}
    other = make_record("ce", detections_per_image=1000)
    record = make_record(ap_fixed=fixed, ap_boundary=metrics(0.125), errors=errors(), detections_per_image=1000)
    text = regenerate(publish(record, other))[0][0].read_text()
    assert "asked of the model: 1,000 detections per image" in text
    headings = ["**What does not:**", "**AP_fixed:", "**Boundary AP:", "**ΔAP50 of masks"]
    assert [text.index(heading) for heading in headings] == sorted(text.index(heading) for heading in headings)
    assert "37.50" in text and "| frequent " in text
    assert "**AP_fixed" not in regenerate(publish(make_record()))[0][0].read_text()


def test_the_published_page_is_what_its_records_give(tmp_path: Path) -> None:
    published = Path(__file__).parents[2] / "leaderboards"
    shutil.copytree(published / "results", tmp_path / "results")
    pages, problems = regenerate(tmp_path, published=True)
    assert problems == []
    for page in pages:
        assert page.read_text(encoding="utf-8") == (published / page.name).read_text(encoding="utf-8")


def test_random_weights_are_said_loudly(make_record, publish) -> None:
    text = regenerate(publish(make_record(init={"kind": "random", "description": "seed 0"})))[0][0].read_text()
    assert "**RANDOM WEIGHTS" in text


def test_published_numbers_stand_apart_and_only_for_lvis_v1(make_record, publish) -> None:
    pages, _ = regenerate(publish(*(make_record(dataset=name) for name in ("lvis_v1", "lvis_v0.5", "glyphs"))))
    texts = {page.name: page.read_text() for page in pages}
    assert [name for name, text in texts.items() if "Published numbers" in text] == ["lvis_v1.md"]
    measured, published = texts["lvis_v1.md"].split("## Published numbers")
    assert "26.4" not in measured
    assert "not measured here" in published
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in published.split("\n") if "|" in line][2:]
    with Path(markdown.__file__).with_name("published_lvis_v1.csv").open(newline="") as stream:
        expected = list(csv.reader(stream))[1:]
    assert cells == [[cell.replace("_", "\\_") or "-" for cell in row] for row in expected]
    assert len(expected) > 30


def test_the_published_numbers_have_a_page_before_anybody_measured(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    assert regenerate(tmp_path) == ([], [])
    pages, problems = regenerate(tmp_path, published=True)
    assert (pages, problems) == ([tmp_path / "lvis_v1.md"], [])
    text = pages[0].read_text(encoding="utf-8")
    assert "Nothing was measured on this data set yet" in text
    assert "janghyuncho/ECM-Loss README" in text


def test_bad_records_are_named_and_the_good_ones_published(make_record, publish) -> None:
    good = make_record("ecm", ap=0.4321)
    folder = publish(good, make_record("ce"))
    path = folder / "results" / record_path(make_record("ce"))
    path.write_text(path.read_text()[:-30])
    (page,), problems = regenerate(folder)
    assert len(problems) == 1 and str(path) in problems[0]
    assert "43.21" in page.read_text()
    assert " | ce " not in page.read_text()


def test_a_page_without_records_is_reported_and_other_files_are_left_alone(make_record, publish) -> None:
    folder = publish(make_record())
    regenerate(folder)
    shutil.rmtree(folder / "results")
    (folder / "README.md").write_text("by hand")
    pages, problems = regenerate(folder)
    assert pages == []
    assert len(problems) == 1 and "made.md: there is no record for this page" in problems[0]
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "made.md"]


HOSTILE = [
    "a|b",
    "a\nb | c",
    "*bold* _it_ **x** __y__",
    "`code`",
    "[text](https://example.org)",
    "![image](x.png)",
    "<script>alert(1)</script>",
    "<!-- ",
    "https://example.org www.example.org",
    "a\\|b\\",
    "&lt;b&gt;",
    "~~gone~~",
    "\u202egnp.exe\x07",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_cannot_change_the_page(make_record, publish, name) -> None:
    plain = make_record("plain", ap=0.9)
    hostile = make_record(
        {
            "name": name,
            "hyper_parameters": {name: name},
            "non_default": [name],
            "distribution": name,
            "distribution_version": name,
        },
        init={"kind": "pretrained", "description": name},
        device={"name": name, "count": 1, "kind": "cpu"},
        evaluator=name,
        overrides=[name],
        track={"dataset": name, **dict.fromkeys(("detector", "backbone", "schedule", "recipe"), name)},
    )
    sane = hostile.model_copy(update={"loss": plain.loss, "metrics": plain.metrics})
    (page,), problems = regenerate(publish(hostile, sane))
    assert problems == []
    text = page.read_text().split("\n", 1)[1]
    assert all(line.isprintable() for line in text.split("\n"))
    table = [line for line in text.split("\n") if line.startswith("|")]
    assert len(table) == 4
    borders = {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in table}
    assert len(borders) == 1
    # what is left when escaped characters and the page's own markup are taken away can do nothing
    text = text.replace(how_to_read({"segm"}), "")
    bare = re.sub(r"\\[\\`*_\[\]<>|~&$@.:]", "", text)
    bare = re.sub(r"\*\*(What|Not|RANDOM)[^*]*\*\*|`[0-9a-f]{12,64}`|`results/`", "", bare)
    assert not re.search(r"[`*_\[\]<>~&\\]|https?://|www\.", bare.replace("_seed", ""))


def test_regenerated_pages_come_from_what_is_on_disk(make_record, publish) -> None:
    record = make_record(ap=0.111)
    folder = publish(record)
    regenerate(folder)
    path = folder / "results" / record_path(record)
    metrics = record.metrics.model_copy(update={"segm": record.metrics.segm.model_copy(update={"AP": 0.222})})
    write(read(path).model_copy(update={"metrics": metrics}), path)
    text = regenerate(folder)[0][0].read_text()
    assert "22.20" in text and "11.10" not in text

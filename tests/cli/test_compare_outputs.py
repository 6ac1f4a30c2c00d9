"""What the verb `compare` writes: JSON, CSV and figures."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pytest
from compare_cases import compare, refusal

from lt_bench.evaluation.comparison.resampled_ap import COMPARED


def test_json_has_its_form_and_csv_the_same_numbers(runs: Path, tmp_path: Path) -> None:
    files = tmp_path / "new" / "out.json", tmp_path / "new" / "out.csv"
    done = compare(runs / "ce", runs / "ecm", "--by-class", "--json", files[0], "--csv", files[1])
    assert done.exit_code == 0 and "gained most" in done.stdout
    content = json.loads(files[0].read_text(encoding="utf-8"))
    assert list(content) == [
        *("format", "kind", "images", "classes", "resamples", "random_seed", "confidence", "pooled"),
        *("covers", "notes"),
        *("losses", "differences", "pairs", "rankings", "by_class"),
    ]
    assert (content["kind"], content["images"], content["classes"]) == ("segm", 60, 12)
    assert content["losses"][0]["runs"][0]["evidence"].endswith("ce/seed_0/evidence.parquet")
    rows = list(csv.DictReader(io.StringIO(files[1].read_text(encoding="utf-8"))))
    assert len(rows) == len(COMPARED)
    for row, one in zip(rows, content["differences"], strict=True):
        assert row["metric"] == one["metric"]
        for column in ("value", "p_total", "seed_deviation"):
            assert float(row[column]) == one[column]
        for name in ("images", "seeds", "total"):
            assert (float(row[f"{name}_low"]), float(row[f"{name}_high"])) == (one[name]["low"], one[name]["high"])
        assert float(row["mean_second"]) - float(row["mean_first"]) == pytest.approx(one["value"])
    classes = list(csv.DictReader((tmp_path / "new" / "out_by_class.csv").open(encoding="utf-8")))
    assert [int(row["id"]) for row in classes] == [row["id"] for row in content["by_class"][0]["classes"]]
    assert [float(row["value"]) for row in classes] == [row["value"] for row in content["by_class"][0]["classes"]]


def test_csv_to_the_terminal_stands_alone(runs: Path) -> None:
    done = compare(runs / "ce", runs / "ecm", "--csv", "-")
    assert done.stdout.startswith("kind,first,second,metric,value,") and len(done.stdout.splitlines()) == 6


def test_the_same_command_gives_the_same_output(runs: Path) -> None:
    assert (
        compare(runs / "ce", runs / "ecm", "--by-class").stdout
        == compare(runs / "ce", runs / "ecm", "--by-class").stdout
    )


def test_plots(runs: Path, tmp_path: Path) -> None:
    pair = runs / "ce" / "seed_0", runs / "ecm" / "seed_0"
    for suffix, start in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        done = compare(*pair, "--plot", tmp_path / f"a{suffix}")
        assert done.exit_code == 0, done.output
        assert (tmp_path / f"a{suffix}").read_bytes().startswith(start)
    compare(*pair, "--by-class", "--plot", tmp_path / "b.svg")
    assert (tmp_path / "b.svg").read_bytes() == (tmp_path / "a.svg").read_bytes()
    assert b"training images of the class" in (tmp_path / "b_by_class.svg").read_bytes()


def test_names_are_no_formulas(runs: Path, tmp_path: Path) -> None:
    """Two $ would make mathematics of what is between them."""
    plot = tmp_path / "plot.svg"
    done = compare(f"$\\foo$={runs / 'ce'}", f"b={runs / 'ecm'}", "--by-class", "--plot", plot)
    assert done.exit_code == 0, done.output
    assert "b - $\\foo$" in plot.read_text(encoding="utf-8")
    assert "right of 0: b is better than $\\foo$" in plot.read_text(encoding="utf-8")
    assert "b - $\\foo$" in (tmp_path / "plot_by_class.svg").read_text(encoding="utf-8")


def test_pictures_say_what_they_show(runs: Path, tmp_path: Path) -> None:
    plot = tmp_path / "plot.svg"
    long = "x" * 60
    named = f"{long}1={runs / 'ce'}", f"{long}2={runs / 'ecm'}"
    done = compare(*named, "--kind", "bbox", "--confidence", 0.9, "--by-class", "--plot", plot)
    assert done.exit_code == 0, done.output
    forest, classes = (path.read_text(encoding="utf-8") for path in (plot, tmp_path / "plot_by_class.svg"))
    for text in (forest, classes):
        assert "box AP" in text and "60 validation images" in text and "90 % intervals" in text
    assert "xx2<" in forest and "xx1<" in forest  # the ends of both names, in which they differ


def test_outputs_are_refused_before_anything_is_read(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lt_bench.leaderboard.comparison.report.report", lambda request: pytest.fail("computed"))
    pair = runs / "ce", runs / "ecm"
    (tmp_path / "file").touch()
    inside = tmp_path / "file" / "out"
    assert "can't be written to" in refusal(*pair, "--json", inside)
    assert "can't be written to" in refusal(*pair, "--csv", inside)
    assert "can't be written to" in refusal(*pair, "--plot", inside.with_suffix(".png"))
    assert "a figure can't be written as .gif" in refusal(*pair, "--plot", tmp_path / "out.gif")
    assert "would both print" in refusal(*pair, "--json", "-", "--csv", "-")
    for option in ("--csv", "--plot"):  # no name to put _by_class at the end of
        assert refusal(*pair, "--by-class", option, "")


def test_outputs_do_not_replace_runs_each_other_or_devices(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lt_bench.leaderboard.comparison.report.measure", lambda *_: pytest.fail("computed"))
    pair = runs / "ce", runs / "ecm"
    record = runs / "ce" / "seed_1" / "result.json"
    assert f"--json would replace the record of {record}" in refusal(*pair, "--json", record)
    evidence = record.with_name("evidence.parquet")
    assert f"--csv would replace the evidence of {record}" in refusal(*pair, "--csv", evidence)
    out, pipe, link = tmp_path / "out.png", tmp_path / "pipe.png", tmp_path / "link.png"
    assert "--json and --csv are the same file" in refusal(*pair, "--json", out, "--csv", out)
    assert "--json and --plot are the same file" in refusal(*pair, "--json", out, "--plot", out)
    by_class = tmp_path / "out_by_class.png"
    assert "the same file" in refusal(*pair, "--by-class", "--json", by_class, "--plot", out)
    os.mkfifo(pipe)
    link.symlink_to(out)
    for option in ("--json", "--csv", "--plot"):
        assert "it is no regular file" in refusal(*pair, option, pipe)
        assert "it is a symbolic link" in refusal(*pair, option, link)
    assert pipe.is_fifo() and not out.exists()

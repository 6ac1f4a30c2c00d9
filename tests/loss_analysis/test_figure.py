"""Table, numbers and figure say what the portraits hold, and the figure keeps every curve visible."""

from __future__ import annotations

import csv
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from profile_cases import STATS

from lt_bench.loss_analysis.curves import bins, medians, spread, stretches
from lt_bench.loss_analysis.figure import draw, save
from lt_bench.loss_analysis.profile import Portrait
from lt_bench.loss_analysis.table import summary, write_csv

COLUMNS = ("weight", "margin", "positive", "negative", "pull_up", "pull_down", "ratio")


def made_up(name: str, scale: float, background: bool = True) -> Portrait:
    """Class c has the numbers scale * (c + 1), another multiple in each column."""
    values = scale * np.arange(1.0, STATS.num_classes + 2)
    if not background:
        values[-1] = np.nan
    return Portrait(name, 0, True, *((place + 1) * values for place in range(len(COLUMNS))))


PORTRAITS = [made_up("one", 1.0), made_up("other", 10.0, background=False)]


def test_the_table_shows_medians_of_the_groups() -> None:
    rows = [line.split() for line in summary(PORTRAITS, STATS).splitlines()]
    assert rows[0] == ["loss", "classes", "weight", "margin", "positive", "negative", "positive:negative"]
    # The rare classes are 0, 3 and 5; common 2 and 6; frequent 1, 4 and 7.
    assert rows[2] == ["one", "rare", "4", "8", "12", "16", "28"]
    assert rows[3] == ["common", "5", "10", "15", "20", "35"]
    assert rows[4] == ["frequent", "5", "10", "15", "20", "35"]
    assert rows[5] == ["background", "9", "18", "27", "36", "63"]
    assert rows[6][:3] == ["other", "rare", "40"]
    assert rows[9] == ["background", "-", "-", "-", "-", "-"]


def test_the_csv_holds_every_number(tmp_path: Path) -> None:
    write_csv(PORTRAITS, STATS, tmp_path / "numbers.csv")
    with (tmp_path / "numbers.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * (STATS.num_classes + 1)
    third = rows[2]
    assert (third["loss"], third["label"], third["group"]) == ("one", "2", "common")
    assert (third["image_count"], third["instance_count"]) == ("40", "90")
    assert [float(third[column]) for column in COLUMNS] == [3.0 * (place + 1) for place in range(len(COLUMNS))]
    assert (rows[8]["class"], rows[8]["image_count"]) == ("background", "")
    assert rows[-1]["weight"] == ""


@pytest.mark.slow
def test_the_figure_is_a_png_and_an_svg_with_the_same_bytes_each_time(tmp_path: Path) -> None:
    paths = [save(draw(PORTRAITS, STATS, "made up"), tmp_path / name) for name in ("a", "b")]
    for one, same in zip(*paths, strict=True):
        assert one.read_bytes() == same.read_bytes()
    with Image.open(paths[0][0]) as image:
        assert (image.format, image.width) == ("PNG", 2000)
    assert ElementTree.parse(paths[0][1]).getroot().tag.endswith("svg")


def test_the_figure_names_losses_statistics_and_state() -> None:
    figure = draw([made_up("one", 1.0), made_up("other", 1.0)], STATS, "counts of nowhere")
    assert "at initialisation" in figure.texts[0].get_text()
    assert "counts of nowhere" in figure.texts[1].get_text()
    assert [ax.get_title(loc="left") for ax in figure.axes[:5]] == [
        "Positive gradient",
        "Negative gradient",
        "Positive : negative",
        "Margin",
        "Weight",
    ]
    for ax in figure.axes:
        assert {"one", "other"} <= {text.get_text() for text in ax.texts}


def test_more_losses_than_colours_differ_by_markers() -> None:
    names = [f"loss {place}" for place in range(16)]
    figure = draw([made_up(name, place + 1.0) for place, name in enumerate(names)], STATS, "")
    looks = [(line.get_color(), line.get_marker()) for line in figure.axes[-1].lines]
    assert len(set(looks)) == len(names)
    for ax in figure.axes:
        heights = sorted(text.get_position()[1] for text in ax.texts if text.get_text() in names)
        assert min(np.diff(heights)) > 0.03


def test_the_heights_of_a_curve_are_the_medians(tmp_path: Path) -> None:
    """Every class has a number of images of its own here, so each point is one class."""
    figure = draw([made_up("one", 1.0)], STATS, "")
    curve = next(line for line in figure.axes[0].lines if len(line.get_xdata()) == STATS.num_classes)
    order = np.argsort(STATS.image_count)
    np.testing.assert_allclose(curve.get_xdata(), np.array(STATS.image_count)[order])
    np.testing.assert_allclose(curve.get_ydata(), 3 * (order + 1))


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_panel_without_anything_to_draw_stays_empty(value: float, tmp_path: Path) -> None:
    nothing = np.full(STATS.num_classes + 1, value)
    save(draw([Portrait("nothing", 0, True, *[nothing] * len(COLUMNS))], STATS, ""), tmp_path / "empty")


def test_points_never_mix_groups() -> None:
    images = np.array([1, 1, 2, 10, 11, 12, 100, 101, 102, 2000])
    points = bins(images)
    assert sorted(np.concatenate(points).tolist()) == list(range(len(images)))
    groups = np.digitize(images, [10.5, 100.5])
    assert all(len(set(groups[point].tolist())) == 1 for point in points)
    assert [images[point].tolist() for point in points[:3]] == [[1, 1], [2], [10]]


def test_medians_leave_out_what_is_not_there() -> None:
    values = np.array([1.0, np.nan, 3.0, np.nan])
    found = medians(values, [np.array([0, 1, 2]), np.array([3])])
    np.testing.assert_array_equal(found, [2.0, np.nan])


def test_curves_share_a_line_exactly_where_they_coincide() -> None:
    heights = {"a": np.array([0.5, 0.5, 0.5, 0.5]), "b": np.array([0.1, 0.1, 0.5, 0.5]), "c": np.full(4, 0.9)}
    assert sorted(stretches(heights)) == [
        ("a", 0, 3, ["a"]),
        ("a", 2, 4, ["a", "b"]),
        ("b", 0, 3, ["b"]),
        ("b", 2, 4, ["a", "b"]),
        ("c", 0, 4, ["c"]),
    ]


def test_names_lie_apart_and_inside() -> None:
    heights = np.array([0.0, 0.5, 0.5, 0.5, 0.99, 1.0])
    places = spread(heights, 0.1)
    assert np.diff(places).min() >= 0.1 - 1e-12
    assert places.min() >= 0 and places.max() <= 1
    np.testing.assert_allclose(places[:4], [0.0, 0.4, 0.5, 0.6])

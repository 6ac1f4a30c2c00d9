"""The figure says what the profiles hold, and keeps every curve visible."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from profile_cases import COLUMNS, PROFILES, STATS, synthetic_profile

from lt_bench.loss_analysis.figure import draw, save
from lt_bench.loss_analysis.profile import LossProfile


@pytest.mark.slow
def test_the_figure_is_a_png_and_an_svg_with_the_same_bytes_each_time(tmp_path: Path) -> None:
    paths = [save(draw(PROFILES, STATS, "synthetic"), tmp_path / name) for name in ("a", "b")]
    for one, same in zip(*paths, strict=True):
        assert one.read_bytes() == same.read_bytes()
    with Image.open(paths[0][0]) as image:
        assert (image.format, image.width) == ("PNG", 2000)
    assert ElementTree.parse(paths[0][1]).getroot().tag.endswith("svg")


def test_the_figure_names_losses_statistics_and_state() -> None:
    figure = draw([synthetic_profile("one", 1.0), synthetic_profile("other", 1.0)], STATS, "counts of nowhere")
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
    figure = draw([synthetic_profile(name, place + 1.0) for place, name in enumerate(names)], STATS, "")
    looks = [(line.get_color(), line.get_marker()) for line in figure.axes[-1].lines]
    assert len(set(looks)) == len(names)
    for ax in figure.axes:
        heights = sorted(text.get_position()[1] for text in ax.texts if text.get_text() in names)
        assert min(np.diff(heights)) > 0.03


def test_the_heights_of_a_curve_are_the_medians(tmp_path: Path) -> None:
    """Every class has a number of images of its own here, so each point is one class."""
    figure = draw([synthetic_profile("one", 1.0)], STATS, "")
    curves = (np.asarray(line.get_xydata()) for line in figure.axes[0].lines)
    x, y = next(curve for curve in curves if len(curve) == STATS.num_classes).T
    order = np.argsort(STATS.image_count)
    np.testing.assert_allclose(x, np.array(STATS.image_count)[order])
    np.testing.assert_allclose(y, 3 * (order + 1))


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_panel_without_anything_to_draw_stays_empty(value: float, tmp_path: Path) -> None:
    nothing = np.full(STATS.num_classes + 1, value)
    save(draw([LossProfile("nothing", 0, True, *[nothing] * len(COLUMNS))], STATS, ""), tmp_path / "empty")

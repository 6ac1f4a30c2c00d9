"""The calibration in short, and that docs/calibration.md shows what its JSON holds."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.calibration.__main__ import FEW, SCENARIOS, main, run
from benchmarks.calibration.coverage import summarize
from benchmarks.calibration.generator import population
from benchmarks.calibration.page import BEGIN, END, renewed
from benchmarks.calibration.simulate import Effort, Scenario, repetitions
from lt_bench.errors import UserError
from lt_bench.evaluation.comparison.intervals import HELD, TRUSTED_FROM, image_interval, widened, widenings

DOCS = Path(__file__).resolve().parents[3] / "docs"
SHORT = Effort(repetitions=200, few=0, resamples=60, tested=60, permutations=59, truth=1)


@pytest.fixture(scope="module")
def short() -> dict[str, object]:
    """No difference, 100 images, rare classes that are in 1.5 of them: where the plain bootstrap fails."""
    scenario = Scenario(100, 1.5, False)
    runs = repetitions(scenario, SHORT, 0, SHORT.repetitions)
    truth = np.broadcast_to(np.nanmean(runs["value"], axis=0), (2, 2, 5))
    return summarize(scenario, runs, truth, population(**asdict(scenario)).frequency)


def test_intervals_of_a_difference_hold_it(short: dict) -> None:
    """Of 200 repetitions; 2.6 points are the standard error of 1.5 % times 1.7."""
    covered = 100 * np.array(short["coverage"]["difference"]["normal, widened"])
    assert (covered > 92.4).all() and (covered < 98.6).all(), covered


def test_without_widening_they_hold_it_too_rarely(short: dict) -> None:
    ap, apr, *_, ap50 = 100 * np.array(short["coverage"]["difference"]["normal"])
    assert max(ap, apr) < 92.4 and ap50 < 94


def test_no_difference_is_rarely_called_one(short: dict) -> None:
    """60 repetitions of the swap test: five of them are 8 %."""
    assert max(short["swap_rejects"]) < 0.1
    assert max(short["interval_rejects"]) < 0.076
    assert min(short["swap_agrees"]) > 0.85


def test_the_form_that_is_called_chosen_is_the_packages() -> None:
    from benchmarks.calibration.forms import CHOSEN, limits

    rng = np.random.default_rng(0)
    resampled, value, images = rng.normal(size=(40, 5)), rng.normal(size=5), np.array([1, 2, 5, 9, 30, 40])
    factors = widenings(images, "rrccff")
    deviation = resampled.std(axis=0, ddof=1)
    low, high = limits(value[None], deviation[None], np.zeros((1, 5, 2)), factors[None], np.ones((1, 5)))[CHOSEN]
    for metric, own in enumerate(widened(resampled, factors).T):
        found = image_interval(value[metric], own)
        assert found is not None
        assert (found.low, found.high) == pytest.approx((low[0, metric], high[0, metric]))


def test_what_was_interrupted_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    effort = Effort(repetitions=3, few=2, resamples=5, tested=2, permutations=9, truth=3)
    scenarios, few = [Scenario(100, 2.5, False), Scenario(1000, 2.5, True)], [Scenario(1000, 5, True, 2)]
    # The truth of detectors that don't differ is that of those that do, which have the first in common.
    scenarios.append(Scenario(100, 2.5, True))
    whole = run(scenarios, few, effort, tmp_path, 1)
    pieces = sorted(tmp_path.rglob("*.npz"))
    assert len(pieces) == 4 + 3
    pieces[0].unlink()
    capsys.readouterr()
    assert run(scenarios, few, effort, tmp_path, 1) == whole
    assert capsys.readouterr().err.count("\n") == 1


def test_the_page_is_that_of_its_json(tmp_path: Path) -> None:
    for name in ("calibration.json", "calibration.md"):
        (tmp_path / name).write_bytes((DOCS / name).read_bytes())
    page = (tmp_path / "calibration.md").read_text()
    before, _, rest = page.partition(BEGIN)
    (tmp_path / "calibration.md").write_text(before + BEGIN + END + rest.partition(END)[2])
    done = CliRunner().invoke(main, ["--page-only", "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "calibration.md").read_text() == page


def test_the_committed_simulation_is_in_full() -> None:
    data = json.loads((DOCS / "calibration.json").read_text())
    rows = data["scenarios"]
    assert [(row["images"], row["rare_images"], row["differ"]) for row in rows] == [
        (one.images, one.rare_images, one.differ) for one in SCENARIOS
    ]
    assert min(row["repetitions"] for row in rows) >= 500
    assert len(FEW) == 6


def test_what_the_output_says_is_what_was_simulated() -> None:
    rows = json.loads((DOCS / "calibration.json").read_text())["by_evidence"]
    for row in rows:
        difference = round(100 * row["coverage"][1])
        for images in range(row["from"], min(row["below"], TRUSTED_FROM)):
            assert HELD[images] == difference
        assert (row["coverage"][1] >= 0.93) == (row["from"] >= TRUSTED_FROM)


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(UserError, match="lost the marks"):
        renewed("# Calibration\n", {"scenarios": [], "effort": {}})

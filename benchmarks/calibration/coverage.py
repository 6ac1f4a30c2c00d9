"""What repetitions say of intervals and tests: how often they hold the true value, and how often they reject."""

from __future__ import annotations

from dataclasses import asdict
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration.forms import CHOSEN, degrees_of_freedom, factors, limits
from benchmarks.calibration.generator import Floats
from benchmarks.calibration.simulate import Scenario

LEVEL = 0.05
ROUNDING = 1e-6
PAIRS = (1, 2, 3, 5, 10, 20, 40, 1000)  # limits between the rows of by_evidence
QUANTITIES = ("first", "difference")
Arrays = dict[str, Any]
Bools = NDArray[np.bool_]


def summarize(scenario: Scenario, runs: Arrays, truth: Floats, frequency: tuple[str, ...]) -> dict[str, Any]:
    """A scenario's row of the JSON. All lists are in the order of COMPARED, shares between 0 and 1.

    runs: arrays of Repetition, with a first axis of R repetitions. truth: [V, 2, M], the first detector's metrics and
    the differences in V validation sets.
    """
    true, error = np.nanmean(truth, axis=0), np.nanstd(truth, axis=0, ddof=1) / np.sqrt(len(truth))
    if not scenario.differ:
        true[1] = error[1] = 0  # both detectors are the same
    inside = {
        name: {form: held(low, high, true[row]) for form, (low, high) in by_form(runs, row, frequency).items()}
        for row, name in enumerate(QUANTITIES)
    }
    low, high = by_form(runs, 1, frequency)[CHOSEN]
    decided = (low > ROUNDING) | (high < -ROUNDING)
    return {
        **asdict(scenario),
        "repetitions": len(runs["value"]),
        "true": listed(true),
        "true_error": listed(error),
        "deviation": listed(np.nanstd(runs["value"], axis=0, ddof=1)),
        "coverage": {
            name: {form: listed(of.mean(axis=0)) for form, of in forms.items()} for name, forms in inside.items()
        },
        "interval_rejects": listed(decided.mean(axis=0)),
        **rejections(runs, decided),
    }


def by_form(runs: Arrays, row: int, frequency: tuple[str, ...]) -> dict[str, Floats]:
    """Limits [2, R, M] of a quantity by form; row: its index in QUANTITIES."""
    own = np.array(frequency)
    groups = {"AP": own != "", **{letter: own == letter for letter in "rcf"}, "AP50": own != ""}
    return limits(
        runs["value"][:, row],
        runs["deviation"][:, row],
        runs["quantile"][:, row],
        factors(runs["images"], frequency),
        degrees_of_freedom(runs["images"], groups),
    )


def held(low: Floats, high: Floats, true: Floats) -> Bools:
    """Whether [low, high] holds `true`, but for rounding: intervals of no width at 0 hold 0."""
    inside: Bools = (low - ROUNDING <= true) & (true <= high + ROUNDING)
    return inside


def rejections(runs: Arrays, decided: Bools) -> dict[str, Any]:
    """Shares of the repetitions with a test that it rejects, and in which its verdict is the interval's."""
    found: dict[str, Any] = {}
    for name in ("swap", "classes"):
        done = np.isfinite(runs[name]).any(axis=1)
        if done.any():
            rejected = runs[name][done] < LEVEL
            found[f"{name}_repetitions"] = int(done.sum())
            found[f"{name}_rejects"] = listed(rejected.mean(axis=0))
            found[f"{name}_agrees"] = listed((rejected == decided[done]).mean(axis=0))
    return found


def by_evidence(runs: list[Arrays], true: list[Any], frequencies: list[tuple[str, ...]]) -> list[dict[str, Any]]:
    """Coverage of APr's interval by the number of rare objects' images: pairs of a rare class and an image that has it.

    runs, true, frequencies: of several scenarios; true [2, M].
    """
    pairs, inside = [], []
    for one, value, frequency in zip(runs, true, frequencies, strict=True):
        pairs.append(one["images"][:, np.array(frequency) == "r"].sum(axis=1))
        limits_of = [by_form(one, row, frequency)[CHOSEN][..., 1] for row in range(2)]
        inside.append(np.stack([held(low, high, value[row][1]) for row, (low, high) in enumerate(limits_of)], axis=1))
    count, both = np.concatenate(pairs), np.concatenate(inside)
    rows = []
    for low, high in pairwise(PAIRS):
        chosen = (count >= low) & (count < high)
        if chosen.any():
            coverage = listed(both[chosen].mean(axis=0))
            rows.append({"from": low, "below": high, "repetitions": int(chosen.sum()), "coverage": coverage})
    return rows


def listed(values: Floats) -> Any:
    """As JSON has it, with digits enough for percent with two decimals."""
    return np.round(values, 5).tolist()

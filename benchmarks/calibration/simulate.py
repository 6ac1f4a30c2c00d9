"""All scenarios, in pieces that are kept: what was interrupted goes on where it stopped."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.calibration.generator import Floats, population
from benchmarks.calibration.repetition import Repetition, measured, repeat
from lt_bench.utils.files import write_atomic

PIECE = 50  # repetitions
TRUTH_PIECE = 1000  # validation sets
CLASSES = 10
POWER = 1000  # images at which the swap test is also run on detectors that differ


@dataclass(frozen=True)
class Scenario:
    """images: of a validation set. rare_images: images that a rare class is present in, on average. differ: whether
    the second detector is better; if not, both are the same but for chance. classes: of each frequency group."""

    images: int
    rare_images: float
    differ: bool
    classes: int = CLASSES

    @property
    def name(self) -> str:
        return f"{self.images}_{self.rare_images:g}_{self.classes}_{'differ' if self.differ else 'same'}"


@dataclass(frozen=True)
class Effort:
    """repetitions: of a scenario; few: of one with few classes. tested: the first ones, in which the swap test is run
    as well, which takes most of the time. truth: validation sets that the true values are the mean of."""

    repetitions: int
    few: int
    resamples: int
    tested: int
    permutations: int
    truth: int


def repetitions(scenario: Scenario, effort: Effort, start: int, count: int) -> dict[str, Any]:
    """Arrays of Repetition, with a first axis of `count` repetitions, the `start`-th and those after it."""
    drawn_from = population(**asdict(scenario))
    power = scenario.images == POWER and scenario.classes == CLASSES
    tested = effort.tested if power or not scenario.differ else 0
    found = [
        repeat(
            drawn_from,
            _generator(scenario, 3, number),
            effort.resamples,
            effort.permutations if number < tested else 0,
        )
        for number in range(start, start + count)
    ]
    return {field.name: np.stack([getattr(one, field.name) for one in found]) for field in fields(Repetition)}


def true_values(scenario: Scenario, start: int, count: int) -> dict[str, Floats]:
    """Metrics of the first detector and differences in `count` validation sets: value, float64 [count, 2, M]."""
    drawn_from = population(**asdict(scenario))
    numbers = range(start, start + count)
    return {"value": np.stack([measured(drawn_from, _generator(scenario, 2, number)) for number in numbers])}


def simulate(scenarios: list[Scenario], effort: Effort, folder: Path, processes: int) -> Iterator[str]:
    """Fill `folder` with the pieces that it lacks, and yield the name of each when it is there.

    A folder is for one number of resamples and of permutations, and for one state of the generator.
    """
    missing = [job for job in _jobs(scenarios, effort, folder) if not job[-1].is_file()]
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(_run, missing)


def collect(scenario: Scenario, effort: Effort, folder: Path) -> tuple[dict[str, Any], Floats]:
    """What repetitions() and true_values() gave, all pieces together."""
    pieces: dict[str, list[dict[str, Any]]] = {"truth": [], "runs": []}
    jobs = _jobs([scenario], effort, folder)
    if not scenario.differ:
        jobs += [job for job in _jobs([replace(scenario, differ=True)], effort, folder) if job[0] == "truth"]
    for kind, *_, path in jobs:
        with np.load(path) as arrays:
            pieces[kind].append(dict(arrays))
    names = [field.name for field in fields(Repetition)]
    runs = {name: np.concatenate([piece[name] for piece in pieces["runs"]]) for name in names}
    runs["swap"][effort.tested :] = np.nan
    return runs, np.concatenate([piece["value"] for piece in pieces["truth"]])


Job = tuple[str, Scenario, Effort, int, int, Path]


def _jobs(scenarios: list[Scenario], effort: Effort, folder: Path) -> list[Job]:
    """Pieces of all scenarios in turn, so that all have come equally far at any time."""
    found: list[Job] = []
    for kind, most, size in (("truth", effort.truth, TRUTH_PIECE), ("runs", effort.repetitions, PIECE)):
        for start in range(0, most, size):
            for one in scenarios:
                if kind == "truth" and not one.differ:
                    continue  # the first detector is that of the scenario with a difference, the difference is 0
                total = min(most, effort.few) if kind == "runs" and one.classes < CLASSES else most
                count = min(size, total - start)
                if count > 0:
                    found.append((kind, one, effort, start, count, folder / f"{kind}_{one.name}_{start}_{count}.npz"))
    return found


def _run(job: Job) -> str:
    kind, scenario, effort, start, count, path = job
    arrays = true_values(scenario, start, count) if kind == "truth" else repetitions(scenario, effort, start, count)
    buffer = BytesIO()
    np.savez(buffer, **arrays)
    write_atomic(path, [buffer.getvalue()])
    return path.stem


def _generator(scenario: Scenario, use: int, number: int) -> np.random.Generator:
    """One for each repetition, whatever runs before it.

    use: 2 for true values, 3 for repetitions; the form of interval was chosen among those drawn with 1.
    """
    return np.random.default_rng((use, scenario.images, round(10 * scenario.rare_images), int(scenario.differ), number))

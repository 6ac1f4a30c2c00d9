"""One hyper-parameter of a calibration, chosen on training images that the features hold out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_bench.api.calibration import Base
from lt_bench.api.calibrations import Asked, build_calibration, load_calibration
from lt_bench.errors import UserError
from lt_bench.features.manifest import HELD_OUT

if TYPE_CHECKING:
    from lt_bench.probe.plan import ProbeRun


@dataclass(frozen=True)
class Tuning:
    """name: of the hyper-parameter. values: that it is chosen from, ascending. annotations: of the held-out images."""

    name: str
    values: tuple[float, ...]
    annotations: Path

    def block(self, images: int) -> dict[str, str]:
        """What configs and records say of it."""
        rule = (
            f"the highest box AP on {images:,} held-out training images, of {len(self.values)} values from "
            f"{self.values[0]:g} to {self.values[-1]:g}, by a classifier of the same seed trained without these "
            "images; of equal ones the smallest"
        )
        return {"hyper_parameter": self.name, "rule": rule}


def tuning_of(asked: Asked, base: Base, annotations: Path) -> Tuning:
    """What is tuned of a calibration: the values of its grid that it takes, with what else was given.

    Raises UserError when it has nothing to tune, or that was given, or no value can be taken.
    """
    cls = load_calibration(asked.name)
    if not cls.tuned or not cls.grid:
        raise UserError(f"the calibration {asked.name!r} has no hyper-parameter to tune", "leave out --tune")
    if cls.tuned in asked.hyper_parameters:
        raise UserError(
            f"--tune chooses {cls.tuned} of {asked.name}, and --calibrate gives it", "leave one of them out"
        )
    values, refused = [], None
    for value in sorted(cls.grid):
        try:
            build_calibration(Asked(asked.name, {**asked.hyper_parameters, cls.tuned: value}), base)
            values.append(value)
        except UserError as error:
            refused = error
    if not values and refused is not None:
        raise refused
    return Tuning(cls.tuned, tuple(values), annotations)


def on_held_out(run: ProbeRun, annotations: Path) -> ProbeRun:
    """The same run, trained without the held-out images and evaluated on them."""
    probe = run.config["probe"]
    sampler = {**probe["sampler"], "without_held_out": True}
    test = {**probe["test"], "split": HELD_OUT}
    config = {**run.config, "probe": {**probe, "sampler": sampler, "test": test}}
    return replace(run, config=config, annotations=annotations, calibrations=(), masks=None)


def with_value(run: ProbeRun, value: float) -> ProbeRun:
    """A calibrated run with a value for what is tuned of it."""
    block: Mapping[str, Any] = run.config["calibration"]
    name, given = block["tuned"]["hyper_parameter"], block["hyper_parameters"]
    changed = {*block["non_default"], *([name] if value != given[name] else [])}
    found = {**block, "hyper_parameters": {**given, name: value}, "non_default": sorted(changed)}
    return replace(run, config={**run.config, "calibration": found})


def best(values: Sequence[float], ap_of: Callable[[float], float]) -> float:
    """The value with the highest AP; of equal ones the first."""
    return max(values, key=ap_of)

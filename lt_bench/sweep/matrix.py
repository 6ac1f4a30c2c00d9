"""The combinations of a sweep, from what its options say."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lt_bench.api.registry import list_losses
from lt_bench.errors import UserError
from lt_bench.run.experiment import parse_assignments

MOST = 5_000  # runs: more is a slip of the hand
ALL = "all"  # in place of the losses: each that can be used


@dataclass(frozen=True)
class Cell:
    """One combination. hyper_parameters: those of the loss that the grid sets."""

    loss: str
    backbone: str
    schedule: str
    detector: str
    recipe: str
    seed: int
    hyper_parameters: Mapping[str, Any] = field(default_factory=dict)

    def label(self) -> str:
        """For people: what it is, in one line."""
        set_to = "".join(f" {name}={value}" for name, value in self.hyper_parameters.items())
        return f"{self.loss} {self.detector} {self.backbone} {self.schedule} {self.recipe} seed {self.seed}{set_to}"


def cells(
    losses: Sequence[str],
    backbones: Sequence[str],
    schedules: Sequence[str],
    detectors: Sequence[str],
    recipes: Sequence[str],
    seeds: Sequence[int],
    grid: Mapping[str, Sequence[Mapping[str, Any]]],
) -> list[Cell]:
    """All combinations: the seed changes slowest, so that each loss has its first result early.

    grid: loss to the hyper-parameters that it is run with; a loss that is not in it is run with its own.

    Raises UserError for more than MOST, and for a grid of a loss that is not among the `losses`.
    """
    if strange := [loss for loss in grid if loss not in losses]:
        raise UserError(f"--loss-grid names {strange[0]!r}, which --loss does not", f"add it: --loss {strange[0]},...")
    found = [
        Cell(loss, backbone, schedule, detector, recipe, seed, hyper_parameters)
        for seed, backbone, schedule, detector, recipe, loss in itertools.product(
            seeds, backbones, schedules, detectors, recipes, losses
        )
        for hyper_parameters in grid.get(loss, ({},))
    ]
    if len(found) > MOST:
        raise UserError(f"these are {len(found):,} runs; {MOST:,} is the most", "divide the sweep")
    return found


def names(text: str, option: str) -> tuple[str, ...]:
    """The names in a list with commas. Raises UserError for an empty one, and for one that is given twice."""
    found = tuple(name.strip() for name in text.split(","))
    if not all(found):
        raise UserError(f"{option} {text!r} has an empty name", "separate names by single commas")
    if twice := [name for name in found if found.count(name) > 1]:
        raise UserError(f"{option} names {twice[0]!r} twice", "give each name once")
    return found


def loss_names(text: str) -> tuple[str, ...]:
    """The losses in a list with commas; "all" for each that is registered and can be used."""
    if text.strip() == ALL:
        return tuple(info.name for info in list_losses() if info.problem is None)
    return names(text, "--loss")


def parse_grid(options: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """LOSS:KEY=V1,V2 strings, to the hyper-parameters that each loss is run with: all combinations of its keys.

    Raises UserError for another form, and for a key that is given twice.
    """
    values: dict[str, dict[str, list[Any]]] = defaultdict(dict)
    for option in options:
        loss, colon, assignment = option.partition(":")
        key, equals, text = assignment.partition("=")
        loss, key = loss.strip(), key.strip()
        if not (colon and equals and loss and key):
            raise UserError(f"--loss-grid {option!r} is not LOSS:KEY=VALUE,VALUE", "for example seesaw:p=0.6,0.8")
        if key in values[loss]:
            raise UserError(f"--loss-grid {loss}:{key} is given twice", "give all values of a key together")
        parsed = [parse_assignments([f"{key}={value}"], "--loss-grid")[key] for value in _split(text)]
        if any(parsed.count(value) > 1 for value in parsed):
            raise UserError(f"--loss-grid {option!r} has a value twice", "give each value once")
        values[loss][key] = parsed
    return {
        loss: [dict(zip(keys, chosen, strict=True)) for chosen in itertools.product(*keys.values())]
        for loss, keys in values.items()
    }


def _split(text: str) -> list[str]:
    """At the commas that are in no brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]

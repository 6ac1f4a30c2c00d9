"""The cells of the grid: learning rate, steps and clip of the classifier's training; and which of them is the best."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

RATES = (1 / 3, 1, 3)  # times the recipe's
STEPS = (1 / 2, 1, 2)
CLIPS = (1.0, 0.0)  # beside the recipe's; 0: none


@dataclass(frozen=True)
class Cell:
    """rate: the full learning rate. steps: of the optimizer. clip: most L2 norm of the gradient, 0 for any."""

    rate: float
    steps: int
    clip: float

    def __str__(self) -> str:
        return f"rate {self.rate:g}, {self.steps:,} steps, {f'clip {self.clip:g}' if self.clip else 'no clip'}"


def cells(recipe: Cell) -> list[Cell]:
    """The whole grid, the recipe's own cell first: rates by steps at its clip, and other clips at its rate and steps.

    Rates are rounded to one digit.
    """
    rates = [recipe.rate if factor == 1 else float(f"{factor * recipe.rate:.1g}") for factor in RATES]
    steps = [max(1, round(factor * recipe.steps)) for factor in STEPS]
    plane = [Cell(rate, number, recipe.clip) for rate in rates for number in steps]
    clips = [Cell(recipe.rate, recipe.steps, clip) for clip in CLIPS if clip != recipe.clip]
    return [recipe, *(cell for cell in (*plane, *clips) if cell != recipe)]


def best(found: Iterable[tuple[Cell, float]], recipe: Cell) -> Cell:
    """The cell with the highest value; of equal ones the recipe's, then the first."""
    return max(found, key=lambda one: (one[1], one[0] == recipe))[0]

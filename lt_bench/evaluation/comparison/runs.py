"""The runs of one loss, as numbers: what the statistics over seeds and images start from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lt_bench.errors import UserError
from lt_bench.evaluation.comparison.resampled_ap import COMPARED

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LossRuns:
    """S runs of one loss that differ in their seed only.

    values: float64 [S, M], what was measured, in [0, 1], NaN where the data set has no such class. resampled: float64
    [S, B, M], the same in B resamples of the validation images, or None where there is no evidence. Resample b holds
    the same images in all runs of all losses that are compared. Raises UserError when a seed is there twice.
    """

    name: str
    seeds: tuple[int, ...]
    values: Floats
    resampled: Floats | None = None

    def __post_init__(self) -> None:
        twice = sorted({seed for seed in self.seeds if self.seeds.count(seed) > 1})
        if twice:
            raise UserError(
                f"{self.name} has two runs of seed {twice[0]}",
                "the same seed gives the same result and adds no knowledge: name each run once",
            )
        shape = (len(self.seeds), len(COMPARED))
        if not self.seeds or self.values.shape != shape:
            raise ValueError(f"values of {self.name}: {self.values.shape}, not {shape} with at least one seed")
        if self.resampled is not None and (self.resampled.ndim, *self.resampled.shape[::2]) != (3, *shape):
            raise ValueError(f"resampled values of {self.name}: {self.resampled.shape}, not [S, B, M] with {shape}")

    def __len__(self) -> int:
        return len(self.seeds)

    def measured(self, metric: str) -> Floats:
        """float64 [S]"""
        return self.values[:, COMPARED.index(metric)]

    def in_resamples(self, metric: str) -> Floats | None:
        """float64 [S, B]"""
        return None if self.resampled is None else self.resampled[:, :, COMPARED.index(metric)]

    def ordered(self) -> LossRuns:
        """The same runs with ascending seeds."""
        order = np.argsort(self.seeds)
        resampled = None if self.resampled is None else self.resampled[order]
        return LossRuns(self.name, tuple(self.seeds[i] for i in order), self.values[order], resampled)


def are_paired(first: LossRuns, second: LossRuns) -> bool:
    """Whether both have the same seeds, and so run by run the same initial weights and the same order of the images.

    Where only some seeds are common, nothing is paired: every run counts, and what the common seeds share only makes
    the interval wider than it had to be.
    """
    return set(first.seeds) == set(second.seeds)

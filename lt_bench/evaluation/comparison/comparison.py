"""What a comparison of losses is made of: the losses, what is asked, what was measured, and what is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.comparison.ranking import Rank
from lt_bench.evaluation.comparison.resampled_ap import COMPARED
from lt_bench.evaluation.comparison.runs import LossRuns
from lt_bench.evaluation.comparison.total import Difference
from lt_bench.evaluation.evidence.evidence import Evidence
from lt_bench.evaluation.terms import BoxOrMask

Floats = NDArray[np.float64]
SEEDS = (2, 3, 5, 10)  # numbers of seeds that the resolvable difference is told of
PLANNED = ("AP", "APr")  # metrics that power is told of


@dataclass(frozen=True, eq=False)
class Candidate:
    """One loss: its runs' seeds and evidence."""

    name: str
    seeds: tuple[int, ...]
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class Options:
    """kind: boxes or masks. resamples: of the images, and permutations. random_seed: of what is drawn at random, and
    no training seed. swap_test: None for pairs in which a loss has one run, which have no other p. pooled: estimate the
    variance between seeds once from all losses, as boards do, not from each pair's; None for three losses or more.
    """

    kind: BoxOrMask = "segm"
    resamples: int = 1000
    random_seed: int = 0
    confidence: float = 0.95
    swap_test: bool | None = None
    pooled: bool | None = None

    @property
    def level(self) -> float:
        """Of significance."""
        return round(1 - self.confidence, 12)


@dataclass(frozen=True, eq=False)
class Measured:
    """One loss, measured and resampled. ap: float64 [S, K], AP of each class, NaN where there is nothing to find.
    resampled_ap: float64 [B, K], its mean over the runs in each resample.
    """

    runs: LossRuns
    ap: Floats
    resampled_ap: Floats


@dataclass(frozen=True, eq=False)
class Power:
    """seeds_needed: how many seeds a loss would show the difference seen; None where no number would.
    resolvable: number of seeds -> smallest difference that they show. Of several pairs, both at the level of Holm's
    first step, and with the variance between seeds estimated as it is for the p-values.
    """

    seeds_needed: int | None
    resolvable: Mapping[int, float]


@dataclass(frozen=True, eq=False)
class Pair:
    """Two losses. differences: by metric, of those that are there. p_images_holm: by metric, the swap test's p after
    Holm's correction for all pairs. power: of PLANNED, where both have two runs or more. p_classes: of the t-test over
    classes, None where there are too few.
    """

    first: str
    second: str
    differences: Mapping[str, Difference]
    p_images_holm: Mapping[str, float]
    power: Mapping[str, Power]
    p_classes: float | None


@dataclass(frozen=True, eq=False)
class Ranking:
    """ranks: best mean first. groups: largest sets of losses that can't be told apart."""

    ranks: tuple[Rank, ...]
    groups: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, eq=False)
class Comparison:
    """rankings: by metric. doubts: metric -> why no interval of it can be trusted, and so none is given."""

    options: Options
    images: int
    classes: int
    losses: tuple[LossRuns, ...]
    pairs: tuple[Pair, ...]
    rankings: Mapping[str, Ranking]
    doubts: Mapping[str, str] = field(default_factory=dict)

    def metrics(self) -> list[str]:
        """Those of COMPARED that the data set has classes for."""
        return [metric for metric in COMPARED if metric in self.rankings]

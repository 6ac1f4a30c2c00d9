"""Where a class's precision has to be known: at some of its true positives, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.comparison.class_rows import THRESHOLDS, ClassRows

ALL = (1 << THRESHOLDS) - 1
Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class AtThreshold:
    """One IoU threshold, or several with the same outcomes.

    hits: [h], which of the true positives at any threshold are true positives at this one. ends: [e], which of `hits`
    have a false positive behind them, or nothing. ignored: sources of the detections that are ignored at this
    threshold, but not at all. before: [e], how many of `ignored` stand before each of `ends`. times: how many
    thresholds have these outcomes. lowest: whether IoU 0.50 is one of them.
    """

    hits: Indices
    ends: Indices
    ignored: Indices
    before: Indices
    times: int
    lowest: bool


@dataclass(frozen=True, eq=False)
class TruePositives:
    """What remains of a class's detections when those that AP can't depend on are left out, whatever the weights.

    source: [n]. at: [m], which of them are correct at any threshold; the last of the n is.
    """

    source: Indices
    at: Indices
    thresholds: tuple[AtThreshold, ...]


def true_positives(rows: ClassRows) -> TruePositives:
    """The detections that AP can depend on. All of this holds for any weights that are not negative:

    - A detection that is ignored at every threshold counts neither way.
    - AP needs, for each recall, the highest precision from where it is reached to the end. From one true positive to
      the next, recall stays and precision falls; so both need to be known at true positives only, and what comes after
      the last one changes nothing.
    - Where true positives follow each other with no false positive in between, precision rises: (p + w) / (n + w) is
      at least p / n. It needs to be known at the last of them only, where their recalls are reached, too.
    - Thresholds with the same true positives and the same ignored detections have the same AP.
    """
    counts = rows.ignored & ALL != ALL
    correct = rows.correct[counts]
    at = np.flatnonzero(correct)
    end = at[-1] + 1 if len(at) else 0
    source, ignored = rows.source[counts][:end].astype(np.intp), rows.ignored[counts][:end]
    found: dict[tuple[bytes, bytes], AtThreshold] = {}
    for threshold in range(THRESHOLDS):
        hits = np.flatnonzero(correct[at] >> threshold & 1)
        without = np.flatnonzero(ignored >> threshold & 1)
        key = hits.tobytes(), without.tobytes()
        if key in found:
            found[key] = replace(found[key], times=found[key].times + 1)
        elif len(hits):  # without any, AP is 0
            before = np.searchsorted(without, at[hits])
            ends = np.flatnonzero(np.diff(at[hits] - before, append=end + 1) > 1)
            found[key] = AtThreshold(hits, ends, source[without], before[ends], 1, threshold == 0)
    return TruePositives(source, at, tuple(found.values()))

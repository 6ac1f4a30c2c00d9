"""Where a class's precision has to be known: at its true positives, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.comparison.class_rows import THRESHOLDS, ClassRows

ALL = (1 << THRESHOLDS) - 1


@dataclass(frozen=True, eq=False)
class AtThreshold:
    """One IoU threshold, or several with the same outcomes.

    hits: which of the true positives at any threshold are true positives at this one. ignored: sources of the
    detections that are ignored at this one, but not at all. before: how many of them stand before each of `hits`.
    times: how many thresholds have these outcomes. lowest: whether IoU 0.50 is among them.
    """

    hits: NDArray[np.intp]
    ignored: NDArray[np.intp]
    before: NDArray[np.intp]
    times: int
    lowest: bool


@dataclass(frozen=True, eq=False)
class TruePositives:
    """What remains of a class's detections when those that AP can't depend on are left out, whatever the weights.

    source: intp [n]. at: intp [m], which of them are correct at any threshold, the last of the n always.
    """

    source: NDArray[np.intp]
    at: NDArray[np.intp]
    thresholds: tuple[AtThreshold, ...]


def true_positives(rows: ClassRows) -> TruePositives:
    """The detections that count, none after the last that is correct at any threshold.

    - One that is ignored at every threshold counts neither way.
    - AP needs, for each recall, the highest precision from where it is reached to the end. From one true positive to
      the next, recall stays and precision falls; so both need to be known at true positives only, and what comes after
      the last one changes nothing.
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
        if not len(hits):
            continue  # AP 0 there
        key = hits.tobytes(), without.tobytes()
        if same := found.get(key):
            found[key] = AtThreshold(hits, same.ignored, same.before, same.times + 1, same.lowest)
        else:
            before = np.searchsorted(without, at[hits])
            found[key] = AtThreshold(hits, source[without], before, 1, threshold == 0)
    return TruePositives(source, at, tuple(found.values()))

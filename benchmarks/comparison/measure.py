"""One of the computations on two evidence files, in a process of its own: time, peak memory, and what came out.

python -m benchmarks.comparison.measure bootstrap|swap|plain FIRST SECOND REPETITIONS
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from benchmarks.common.processes import resident_peak
from benchmarks.comparison.plain import plain_ap
from lt_bench.evaluation.comparison.bootstrap import draw_images, resampled_metrics
from lt_bench.evaluation.comparison.swap_test import swap_test
from lt_bench.evaluation.evidence.evidence import Evidence
from lt_bench.evaluation.evidence.file import read_evidence


def bootstrap(runs: tuple[Evidence, Evidence], repetitions: int) -> list[list[float]]:
    """AP of both runs in resamples of their images, by lt_bench."""
    return [resampled_metrics(run, "bbox", repetitions)[:, 0].tolist() for run in runs]


def plain(runs: tuple[Evidence, Evidence], repetitions: int) -> list[list[float]]:
    """The same, resample by resample."""
    weights = draw_images(len(runs[0].image_ids), repetitions, 0)
    return [[plain_ap(run, "bbox", row) for row in weights] for run in runs]


def swap(runs: tuple[Evidence, Evidence], repetitions: int) -> dict[str, float]:
    """p-values of the swap test with so many permutations."""
    return swap_test(runs[:1], runs[1:], "bbox", repetitions)


COMPUTATIONS = {"bootstrap": bootstrap, "swap": swap, "plain": plain}


def main(name: str, first: str, second: str, repetitions: str) -> None:
    start = time.perf_counter()
    runs = read_evidence(Path(first)), read_evidence(Path(second))
    read, cpu = time.perf_counter(), time.process_time()
    found = COMPUTATIONS[name](runs, int(repetitions))  # type: ignore[operator]
    figures = {
        "seconds": time.perf_counter() - read,
        "cpu_seconds": time.process_time() - cpu,  # of all threads
        "read_seconds": read - start,
    }
    rounded = {key: float(f"{value:.4g}") for key, value in figures.items()}
    print(json.dumps({**rounded, "peak_bytes": resident_peak(), "found": found}))


if __name__ == "__main__":
    main(*sys.argv[1:])

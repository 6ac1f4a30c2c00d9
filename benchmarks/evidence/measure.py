"""An evaluation with evidence or without it, in a process of its own.

python -m benchmarks.evidence.measure with|without ANNOTATIONS PREDICTIONS
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.common.processes import resident_peak
from lt_bench.evaluation.evidence.file import read_evidence, write_evidence
from lt_bench.evaluation.evidence.precision import evidence_metrics
from lt_bench.evaluation.metrics import measure

Figures = dict[str, float]


def main(wanted: str, annotations: str, predictions: str) -> None:
    figures: Figures = {}
    with timed(figures, wanted):
        measured = measure(Path(annotations), Path(predictions), evidence=wanted == "with")
    figures[f"{wanted}_peak_bytes"] = resident_peak()
    if measured.evidence is not None:
        path = Path(predictions).with_name("evidence.parquet")
        with timed(figures, "write"):
            write_evidence(measured.evidence, path)
        with timed(figures, "read"):
            evidence = read_evidence(path)
        with timed(figures, "ap"):
            found = [evidence_metrics(evidence, kind) for kind in evidence.outcomes]
        assert found == [(result.metrics, result.per_class) for result in measured.results().values()]
        figures |= {"bytes": path.stat().st_size, "counted": len(evidence), "peak_bytes": resident_peak()}
    print(json.dumps(figures))


@contextmanager
def timed(figures: Figures, name: str) -> Iterator[None]:
    """Adds the seconds, and the CPU seconds of all threads, that the block takes."""
    begin, cpu_begin = time.perf_counter(), time.process_time()
    yield
    figures[f"{name}_seconds"] = float(f"{time.perf_counter() - begin:.4g}")
    figures[f"{name}_cpu_seconds"] = float(f"{time.process_time() - cpu_begin:.4g}")


if __name__ == "__main__":
    main(*sys.argv[1:])

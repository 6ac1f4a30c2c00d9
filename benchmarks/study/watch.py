"""Tells of every run that has ended."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import click

from benchmarks.study.grid import Cell
from lt_bench.probe.progress import label, summary
from lt_bench.probe.workers import Outcome, Watcher


class Lines(Watcher):
    """A line for each run. cells: by the run's folder."""

    def __init__(self, cells: Mapping[Path, Cell]) -> None:
        self._cells, self._ended = cells, 0
        self._start = time.monotonic()

    def ended(self, outcome: Outcome) -> None:
        self._ended += 1
        passed = time.monotonic() - self._start
        click.echo(
            f"{self._ended}/{len(self._cells)} [{passed:.0f} s] {label(outcome.run)}, "
            f"{self._cells[outcome.run.folder]}: {summary(outcome)}"
        )

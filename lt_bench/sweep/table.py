"""The states of a sweep's jobs for people: a table, a live one on a terminal, a line for each change elsewhere."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from lt_bench.sweep.state import JobStatus, State

logger = logging.getLogger(__name__)

ORDER: tuple[State, ...] = ("running", "waiting", "not launched", "stopped", "lost", "failed", "done")
COLOURS = {"done": "green", "failed": "red", "running": "cyan", "lost": "yellow", "stopped": "yellow"}
MOST_ROWS = 40  # of a live table: more than a terminal shows can't be followed
LAST_LINES = 3  # of a reason


def summary(states: Sequence[JobStatus]) -> str:
    """How many jobs are in each state."""
    counts = Counter(state.state for state in states)
    return f"{len(states)} jobs: " + ", ".join(f"{counts[state]} {state}" for state in ORDER if counts[state])


def table(states: Sequence[JobStatus], most: int | None = None) -> Table:
    """A row for each job; with `most` only so many, those first in which something goes on."""
    shown = sorted(states, key=lambda state: ORDER.index(state.state)) if most and len(states) > most else list(states)
    found = Table(title=summary(states), title_justify="left", box=None, pad_edge=False)
    for column in ("job", "run", "state", "AP", "progress"):
        found.add_column(column, justify="right" if column == "AP" else "left", overflow="fold")
    for state in shown[:most]:
        ap = "" if state.ap is None else f"{100 * state.ap:.2f}"
        colour = COLOURS.get(state.state, "")
        name = f"[{colour}]{state.state}[/]" if colour else state.state
        found.add_row(state.name, escape(state.label), name, ap, escape(progress(state)))
    if len(shown) > len(shown[:most]):
        found.add_row("...", f"{len(shown[most:])} more", "", "", "")
    return found


def progress(state: JobStatus) -> str:
    """What there is to say of a job in its state."""
    if state.state == "running" and state.iterations:
        loss = "" if state.loss is None else f", loss {state.loss:.3f}"
        return f"{state.doing} {state.iteration}/{state.iterations}, eta {state.eta}{loss}"
    if state.state in ("failed", "stopped", "lost"):
        lines = [line for line in state.reason.splitlines() if line.strip()][-LAST_LINES:]
        kind = f"{state.kind}: " if state.kind else ""
        return kind + "\n".join(lines)
    return state.doing or state.reason


@contextmanager
def following(console: Console) -> Iterator[Callable[[Sequence[JobStatus]], None]]:
    """Yields show(states): a live table on a terminal; elsewhere a line for each job whose state is another."""
    if console.is_terminal:
        with Live(console=console, auto_refresh=False, transient=True) as live:
            yield lambda states: live.update(table(states, MOST_ROWS), refresh=True)
        return
    before: dict[str, State] = {}

    def tell(states: Sequence[JobStatus]) -> None:
        for state in states:
            if before.get(state.name) != state.state and not (state.name not in before and state.state in _USUAL):
                logger.info(line(state))
            before[state.name] = state.state

    yield tell


_USUAL: tuple[State, ...] = ("not launched", "done")  # at the beginning: not worth a line


def line(state: JobStatus) -> str:
    ap = "" if state.ap is None else f", AP {100 * state.ap:.2f}"
    reason = f": {' '.join(progress(state).split())}" if state.state in ("failed", "stopped", "lost") else ""
    return f"{state.name} {state.label}: {state.state}{ap}{reason}"

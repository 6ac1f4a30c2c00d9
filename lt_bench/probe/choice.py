"""Which losses a command asks for, with which hyper-parameters."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lt_bench.api.registry import get_info, list_losses
from lt_bench.errors import UserError
from lt_bench.run.experiment import parse_assignments

logger = logging.getLogger(__name__)

ALL = "all"


@dataclass(frozen=True)
class Choice:
    """A loss and the hyper-parameters that were given for it. key: what its row is called, the loss's name or the value
    of the grid.
    """

    loss: str
    key: Any
    hyper_parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Grid:
    """The values of one hyper-parameter of one loss."""

    loss: str
    name: str
    values: tuple[Any, ...]

    def choices(self, further: Mapping[str, Any]) -> list[Choice]:
        """further: hyper-parameters that all of them share."""
        if self.name in further:
            raise UserError(f"--loss-set {self.name} and --loss-grid both set {self.name}", "leave one of them out")
        return [Choice(self.loss, value, {**further, self.name: value}) for value in self.values]


def choose_losses(text: str, hyper_parameters: Mapping[str, Any]) -> list[Choice]:
    """The losses that --loss names: "all" for every registered one that works, or names with commas.

    Raises UserError for a name that is none, or given twice, and for --loss-set beside several losses.
    """
    names = [name.strip() for name in text.split(",")]
    if names == [ALL]:
        found = list_losses(load=True)
        for info in found:
            if info.problem:
                logger.warning(f"left out: the loss {info.name!r} of {info.distribution} can't be used: {info.problem}")
        names = [info.name for info in found if not info.problem]
    twice = sorted(name for name in set(names) if names.count(name) > 1)
    if twice:
        raise UserError(f"--loss {text}: {twice[0]} is given twice", "give each loss once")
    for name in names:
        get_info(name)
    if hyper_parameters and len(names) != 1:
        raise UserError(f"--loss-set is of one loss, and --loss asks for {len(names)}", "give one loss a time")
    return [Choice(name, name, hyper_parameters) for name in names]


def parse_grid(text: str) -> Grid:
    """What --loss-grid says, such as seesaw:p=0.2,0.5,0.8. Raises UserError for anything else."""
    loss, colon, assignment = text.partition(":")
    name, equals, listed = assignment.partition("=")
    words = [word.strip() for word in listed.split(",")]
    if not (loss and colon and name.strip() and equals and all(words)):
        raise UserError(f"--loss-grid {text!r} is not LOSS:NAME=VALUES", "for example --loss-grid seesaw:p=0.2,0.5,0.8")
    values = [parse_assignments([f"value={word}"], "--loss-grid")["value"] for word in words]
    if any(value in values[:place] for place, value in enumerate(values)):  # 1 and 1.0 are one value
        raise UserError(f"--loss-grid {text}: a value is given twice", "give each value once")
    get_info(loss)
    return Grid(loss, name.strip(), tuple(values))

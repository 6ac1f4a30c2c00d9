"""What a check gets, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch

Status = Literal["passed", "failed", "skipped"]
Figure = float | int | str


@dataclass(frozen=True)
class CheckContext:
    """Where the checks run. device: of the tensors and models. folder: empty, for whatever a check writes."""

    device: torch.device
    folder: Path

    @property
    def cuda(self) -> bool:
        return self.device.type == "cuda"

    @property
    def half(self) -> torch.dtype:
        """The type that autocast computes in on this device."""
        return torch.float16 if self.cuda else torch.bfloat16

    def environment(self) -> dict[str, str]:
        """What a process needs in its environment so that it runs on this device."""
        return {} if self.cuda else {"CUDA_VISIBLE_DEVICES": ""}


@dataclass(frozen=True)
class Outcome:
    """What a check found. detail: in words. figures: name with unit -> value, for JSON."""

    detail: str
    figures: Mapping[str, Figure] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """One row of the report. run: raises Wrong where the installation is wrong, NotApplicable where it can't tell."""

    group: str
    name: str
    run: Callable[[CheckContext], Outcome]


@dataclass(frozen=True)
class Row:
    """What came of a check, in how many seconds."""

    group: str
    check: str
    status: Status
    detail: str
    seconds: float
    figures: Mapping[str, Figure] = field(default_factory=dict)

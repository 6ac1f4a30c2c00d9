"""What a check says: passed, failed with its smallest failing case, or not applicable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lt_bench.testing.cases import Case

Verdict = Literal["passed", "failed", "not applicable"]


@dataclass(frozen=True)
class Result:
    """The result of one check of one loss.

    Attributes:
        check: The name of the check.
        status: "passed", "failed" or "not applicable".
        detail: What was measured, or what went wrong.
        case: The smallest failing batch that was found, if there is one.
    """

    check: str
    status: Verdict
    detail: str
    case: Case | None = None


class Wrong(Exception):
    """Inside a check: the loss does what it must not."""


class Failed(Exception):
    """A check failed; with the case that it failed on."""

    def __init__(self, detail: str, case: Case | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.case = case


class NotApplicable(Exception):
    """The loss has nothing that the check is about."""


def reason(error: BaseException) -> str:
    """An error in one line; of one that a check raised on purpose, its text alone."""
    text = " ".join(str(error).split())
    return text if isinstance(error, Wrong | Failed) else f"{type(error).__name__}: {text}".removesuffix(": ")

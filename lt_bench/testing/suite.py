"""All checks, and the two ways to run them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import torch

from lt_bench.api.loss import LongTailLoss
from lt_bench.errors import UserError, did_you_mean
from lt_bench.testing.checks import ranks
from lt_bench.testing.checks.arguments import arguments, hyper_parameters
from lt_bench.testing.checks.cost import cost
from lt_bench.testing.checks.devices import devices
from lt_bench.testing.checks.gradient import gradient
from lt_bench.testing.checks.isolation import isolation
from lt_bench.testing.checks.precision import precision
from lt_bench.testing.checks.repetition import order, random_draws, repeatable
from lt_bench.testing.checks.robustness import (
    all_background,
    extreme_logits,
    no_instance,
    no_rois,
    one_foreground,
    one_instance,
    one_roi,
)
from lt_bench.testing.checks.scores import background, monotone, scores
from lt_bench.testing.checks.state import checkpoint
from lt_bench.testing.loss_under_test import Subject, seeded
from lt_bench.testing.report import report
from lt_bench.testing.result import Failed, NotApplicable, Result, reason

# A check returns what it measured, or raises Failed or NotApplicable; any other exception is a failure as well.
Check = Callable[[Subject], str]

# Isolation comes first: what a loss reads once and keeps would be overlooked later.
CHECKS: Mapping[str, Check] = {
    "isolation": isolation,
    "gradient": gradient,
    "float32": partial(precision, dtype=torch.float32),
    "float16": partial(precision, dtype=torch.float16),
    "bfloat16": partial(precision, dtype=torch.bfloat16),
    "extreme-logits": extreme_logits,
    "no-rois": no_rois,
    "one-roi": one_roi,
    "all-background": all_background,
    "one-foreground": one_foreground,
    "one-instance": one_instance,
    "no-instance": no_instance,
    "order": order,
    "repeatable": repeatable,
    "random-draws": random_draws,
    "scores": scores,
    "monotone": monotone,
    "background": background,
    "checkpoint": checkpoint,
    "ranks": ranks.ranks,
    "devices": devices,
    "arguments": arguments,
    "hyper-parameters": hyper_parameters,
    "cost": cost,
}


def run_checks(
    cls: type[LongTailLoss],
    seed: int = 0,
    only: Collection[str] | None = None,
    hyper_parameters: Mapping[str, Any] | None = None,
) -> list[Result]:
    """The verdict of each check of `only` (default: all) on a loss with these hyper-parameters.

    The same seed gives the same cases, whichever checks run. Raises UserError for an unknown check.
    """
    for name in only or ():
        if name not in CHECKS:
            raise UserError(f"there is no check {name!r}", did_you_mean(name, CHECKS))
    subject = Subject(cls, seed, hyper_parameters or {})
    chosen = [name for name in CHECKS if not only or name in only]
    if "ranks" in chosen:
        ranks.prepare()
    return [_run(name, subject) for name in chosen]


def check_loss(cls: type[LongTailLoss], seed: int = 0, **hyper_parameters: Any) -> list[Result]:
    """All checks of a loss, for its own tests: raises AssertionError with the table if one fails.

    Define the class in a module, not inside a function: two processes import it. Returns the verdicts.
    """
    results = run_checks(cls, seed, hyper_parameters=hyper_parameters)
    if any(result.status == "failed" for result in results):
        # Braces of a dict would be taken for places to fill in.
        given = f", hyper_parameters={hyper_parameters}" if hyper_parameters else ""
        given = given.replace("{", "{{").replace("}", "}}")
        again = f"lt_bench.testing.run_checks({cls.__name__}, seed={seed}, only=[{{check!r}}]{given})"
        raise AssertionError("\n" + report(f"{cls.__module__}.{cls.__qualname__}", results, again))
    return results


def _run(name: str, subject: Subject) -> Result:
    try:
        # Small tensors gain nothing from threads, and lose much where other work keeps the processors busy.
        with seeded(subject.seed), nullcontext() if name == "cost" else _one_thread():
            return Result(name, "passed", CHECKS[name](subject))
    except NotApplicable as why:
        return Result(name, "not applicable", str(why))
    except Failed as failure:
        return Result(name, "failed", failure.detail, failure.case)
    except (Exception, SystemExit) as error:  # a plugin may fail in any way
        return Result(name, "failed", reason(error))


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)

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
from lt_bench.testing.checks.arguments import arguments
from lt_bench.testing.checks.background import background
from lt_bench.testing.checks.checkpoint import checkpoint
from lt_bench.testing.checks.context import context
from lt_bench.testing.checks.cost import cost
from lt_bench.testing.checks.devices import devices
from lt_bench.testing.checks.extreme_logits import extreme_logits
from lt_bench.testing.checks.finite import all_background, no_instance, one_foreground, one_instance, one_roi
from lt_bench.testing.checks.gradient import gradient
from lt_bench.testing.checks.hyper_parameters import hyper_parameters
from lt_bench.testing.checks.isolation import isolation
from lt_bench.testing.checks.monotone import monotone
from lt_bench.testing.checks.no_rois import no_rois
from lt_bench.testing.checks.order import order
from lt_bench.testing.checks.precision import precision
from lt_bench.testing.checks.random_draws import random_draws
from lt_bench.testing.checks.repeatable import repeatable
from lt_bench.testing.checks.scores import scores
from lt_bench.testing.loss_under_test import LossUnderTest, seeded
from lt_bench.testing.report import report
from lt_bench.testing.result import Failed, NotApplicable, Result, reason

# A check returns what it measured, or raises Failed or NotApplicable; any other exception is a failure as well.
Check = Callable[[LossUnderTest], str]

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
    "context": context,
    "hyper-parameters": hyper_parameters,
    "cost": cost,
}


def run_checks(
    cls: type[LongTailLoss],
    seed: int = 0,
    only: Collection[str] | None = None,
    hyper_parameters: Mapping[str, Any] | None = None,
) -> list[Result]:
    """Run the conformance checks on a loss.

    Args:
        cls: The class of the loss.
        seed: Of the synthetic batches. The same seed gives the same batches, whichever checks run.
        only: Names of the checks to run; all of CHECKS by default.
        hyper_parameters: What the loss is built with, beside the class statistics.

    Returns:
        The result of each check, in the order of CHECKS.

    Raises:
        UserError: A name in `only` is no check.
    """
    for name in only or ():
        if name not in CHECKS:
            raise UserError(f"there is no check {name!r}", did_you_mean(name, CHECKS))
    under_test = LossUnderTest(cls, seed, hyper_parameters or {})
    chosen = [name for name in CHECKS if not only or name in only]
    if "ranks" in chosen:
        ranks.prepare()
    return [_run(name, under_test) for name in chosen]


def check_loss(cls: type[LongTailLoss], seed: int = 0, **hyper_parameters: Any) -> list[Result]:
    """Run every conformance check on a loss, in a test of the loss.

    Args:
        cls: The class of the loss, defined in a module and not inside a function: two processes import it.
        seed: Of the synthetic batches.
        **hyper_parameters: What the loss is built with, beside the class statistics.

    Returns:
        The result of each check, in the order of CHECKS.

    Raises:
        AssertionError: A check failed. The message is the table of all checks, with the smallest failing batch of
            each that failed and the call that repeats it.
    """
    results = run_checks(cls, seed, hyper_parameters=hyper_parameters)
    if any(result.status == "failed" for result in results):
        # Braces of a dict would be taken for places to fill in.
        given = f", hyper_parameters={hyper_parameters}" if hyper_parameters else ""
        given = given.replace("{", "{{").replace("}", "}}")
        again = f"lt_bench.testing.run_checks({cls.__name__}, seed={seed}, only=[{{check!r}}]{given})"
        raise AssertionError("\n" + report(f"{cls.__module__}.{cls.__qualname__}", results, again))
    return results


def _run(name: str, under_test: LossUnderTest) -> Result:
    try:
        # Small tensors gain nothing from threads, and lose much where other work keeps the processors busy.
        with seeded(under_test.seed), nullcontext() if name == "cost" else _one_thread():
            return Result(name, "passed", CHECKS[name](under_test))
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

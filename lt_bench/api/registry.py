"""Finds losses by entry point. A broken plugin is listed as broken and harms no other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from lt_bench.api.plugins import AUTO as AUTO
from lt_bench.api.plugins import PluginGroup, PluginInfo, signature
from lt_bench.errors import UserError

if TYPE_CHECKING:
    from lt_bench.api.class_stats import ClassStats
    from lt_bench.api.loss import LongTailLoss

GROUP = "lt_bench.losses"
LOSSES = PluginGroup(
    group=GROUP,
    noun="loss",
    plural="losses",
    home="lt_bench.api.loss",
    base="LongTailLoss",
    defines=frozenset({"num_logits", "forward", "scores"}),
)
LossInfo = PluginInfo  # of a registered loss


def list_losses(load: bool = False) -> list[LossInfo]:
    """List every registered loss, broken ones included.

    Args:
        load: Import every loss. Otherwise torch is imported only where a plugin can't be described from its source.

    Returns:
        The losses, sorted by name.
    """
    return LOSSES.infos(load)


def get_info(name: str) -> LossInfo:
    """Describe one loss, without importing it where its source is enough.

    Args:
        name: The name of its entry point.

    Raises:
        PluginError: There is no such loss, or it is broken. The message names its distribution.
    """
    return LOSSES.info(name)


def load_loss(name: str) -> type[LongTailLoss]:
    """Import the class of a loss.

    Args:
        name: The name of its entry point.

    Raises:
        PluginError: There is no such loss, or it is broken. The message names its distribution.
    """
    return cast("type[LongTailLoss]", LOSSES.load(name))


def build_loss(name: str, stats: ClassStats, **hyper_parameters: Any) -> LongTailLoss:
    """Make an instance of a loss.

    Args:
        name: The name of its entry point.
        stats: How often each class occurs in the training set.
        **hyper_parameters: Those of the loss, by keyword; its defaults for the others. "auto" asks for the value that
            follows from the data, where the loss has a rule for it.

    Raises:
        PluginError: There is no such loss, or it is broken.
        UserError: The loss has no such hyper-parameter, or a value is of another type than the default.
        ValueError: The loss refuses a value.
    """
    cls = load_loss(name)
    resolved = resolve_hyper_parameters(name, stats, hyper_parameters)
    check_hyper_parameters(name, resolved, signature(cls))
    return cls(stats, **resolved)


def resolve_hyper_parameters(
    name: str, stats: ClassStats, given: Mapping[str, Any], every: bool = False
) -> dict[str, Any]:
    """Replace "auto" by the value that the loss's rule gives for the data.

    Args:
        name: The name of its entry point.
        stats: How often each class occurs in the training set.
        given: Keyword to value.
        every: Whether each hyper-parameter that has a rule and is not given gets the rule's value too.

    Returns:
        Keyword to value, the given ones in their order, first.

    Raises:
        PluginError: There is no such loss, or it is broken.
        UserError: "auto" is given for a hyper-parameter without a rule.
    """
    rules = load_loss(name).auto
    for key, value in given.items():
        if value == AUTO and key not in rules:
            known = f"these have one: {', '.join(sorted(rules))}" if rules else "none of its hyper-parameters has one"
            raise UserError(f"loss {name!r} has no rule for {key}={AUTO}", known)
    wanted = [*given, *(key for key in rules if every and key not in given)]
    return {key: rules[key](stats) if given.get(key, AUTO) == AUTO else given[key] for key in wanted}


def check_hyper_parameters(name: str, given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Check names and types of hyper-parameters before a loss is built.

    Args:
        name: Of the loss, for the message.
        given: Keyword to value.
        known: Keyword to default.

    Raises:
        UserError: The loss has no such hyper-parameter, or a value is of another type than the default.
    """
    LOSSES.check_hyper_parameters(name, given, known)

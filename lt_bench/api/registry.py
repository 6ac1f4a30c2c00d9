"""Finds losses by entry point. A broken plugin is listed as broken and harms no other.

Listing reads a plugin's source instead of importing it, because importing a loss imports torch, which takes
seconds. Source that does more at import than define things is imported after all: only that tells whether it works.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_bench.api.guarded_import import guarded_import
from lt_bench.errors import PluginError, UserError, did_you_mean
from lt_bench.utils.names import PLAIN_WORDS, is_plain_name

if TYPE_CHECKING:
    from lt_bench.api.class_stats import ClassStats
    from lt_bench.api.loss import LongTailLoss

GROUP = "lt_bench.losses"
AUTO = "auto"  # the value of a hyper-parameter that asks for the loss's rule


@dataclass(frozen=True)
class LossInfo:
    """A registered loss.

    Attributes:
        name: The name of its entry point.
        distribution: The installed package that it comes from.
        version: The version of that package.
        paper: The reference, or "".
        hyper_parameters: Keyword to default.
        problem: Why it can't be used, or None.
    """

    name: str
    distribution: str
    version: str
    paper: str = ""
    hyper_parameters: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None


class _Undecided(Exception):
    """The source alone does not tell; the plugin must be imported."""


def list_losses(load: bool = False) -> list[LossInfo]:
    """List every registered loss, broken ones included.

    Args:
        load: Import every loss. Otherwise torch is imported only where a plugin can't be described from its source.

    Returns:
        The losses, sorted by name.
    """
    return [
        _describe(entries[0], load) if len(entries) == 1 else _conflict(name, entries)
        for name, entries in sorted(_entries().items())
    ]


def get_info(name: str) -> LossInfo:
    """Describe one loss, without importing it where its source is enough.

    Args:
        name: The name of its entry point.

    Raises:
        PluginError: There is no such loss, or it is broken. The message names its distribution.
    """
    entries = _entries()
    if name not in entries:
        raise PluginError(f"there is no loss {name!r}", did_you_mean(name, entries))
    info = _describe(entries[name][0]) if len(entries[name]) == 1 else _conflict(name, entries[name])
    if info.problem:
        raise PluginError(f"loss {name!r} of {info.distribution} can't be used: {info.problem}", _remedy(info))
    return info


def load_loss(name: str) -> type[LongTailLoss]:
    """Import the class of a loss.

    Args:
        name: The name of its entry point.

    Raises:
        PluginError: There is no such loss, or it is broken. The message names its distribution.
    """
    entries = _entries()
    info = get_info(name)
    try:
        return _load(entries[name][0])
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"loss {name!r} of {info.distribution} can't be used: {_reason(error)}", _remedy(info)
        ) from error


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
    check_hyper_parameters(name, resolved, _signature(cls))
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
    for key, value in given.items():
        if key not in known:
            raise UserError(f"loss {name!r} has no hyper-parameter {key!r}", did_you_mean(key, known))
        if value == AUTO:
            continue  # whether there is a rule shows when the loss is built
        kind = type(known[key])
        if kind in _KINDS and type(value) not in _KINDS[kind]:
            expected = " or ".join(accepted.__name__ for accepted in _KINDS[kind])
            raise UserError(f"loss {name!r}: {key} is {value!r}, expected {expected}", f"the default is {known[key]!r}")


# The types that a value may have, by that of the default: "no" is no bool, and 1.5 no number of classes.
_KINDS: dict[type, tuple[type, ...]] = {bool: (bool,), int: (int,), float: (float, int)}


def _entries() -> dict[str, list[EntryPoint]]:
    found: dict[str, list[EntryPoint]] = defaultdict(list)
    for entry in entry_points(group=GROUP):
        found[entry.name].append(entry)
    return dict(found)


def _origin(entry: EntryPoint) -> tuple[str, str]:
    return (entry.dist.name, entry.dist.version) if entry.dist else ("unknown", "unknown")


def _conflict(name: str, entries: list[EntryPoint]) -> LossInfo:
    owners = sorted({" ".join(_origin(entry)) for entry in entries})
    return LossInfo(
        name=name,
        distribution=", ".join(sorted({_origin(entry)[0] for entry in entries})),
        version="",
        problem=f"registered {len(entries)} times: {' and '.join(owners)}",
    )


def _remedy(info: LossInfo) -> str:
    return f"Fix or uninstall {info.distribution}; every other loss still works (lt_bench losses)."


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if not isinstance(error, PluginError) else error.message


def _describe(entry: EntryPoint, load: bool = False) -> LossInfo:
    distribution, version = _origin(entry)
    if not is_plain_name(entry.name):  # folders are called after it
        problem = f"{entry.name!r} is no name: {PLAIN_WORDS}"
        return LossInfo(entry.name, distribution, version, problem=problem)
    try:
        try:
            if load:
                raise _Undecided
            paper, hyper_parameters = _read_source(entry)
        except _Undecided:
            cls = _load(entry)
            paper, hyper_parameters = cls.paper, _signature(cls)
    except (Exception, SystemExit) as error:  # a plugin may fail in any way
        return LossInfo(entry.name, distribution, version, problem=_reason(error))
    return LossInfo(entry.name, distribution, version, paper, hyper_parameters)


def _load(entry: EntryPoint) -> type[LongTailLoss]:
    from lt_bench.api.loss import LongTailLoss

    with guarded_import():
        cls = entry.load()
    if not (inspect.isclass(cls) and issubclass(cls, LongTailLoss)):
        raise PluginError(f"{entry.value} is no subclass of lt_bench.LongTailLoss")
    missing = sorted(getattr(cls, "__abstractmethods__", ()))
    if missing:
        raise PluginError(f"{entry.value} does not define {', '.join(missing)}")
    return cls


def _signature(cls: type[LongTailLoss]) -> dict[str, Any]:
    parameters = list(inspect.signature(cls).parameters.values())[1:]  # the first is stats
    return {
        parameter.name: None if parameter.default is inspect.Parameter.empty else parameter.default
        for parameter in parameters
        if parameter.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    }


def _read_source(entry: EntryPoint) -> tuple[str, dict[str, Any]]:
    """Paper and hyper-parameters from the source. Raises _Undecided, or the error that an import would give."""
    spec = importlib.util.find_spec(entry.module)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {entry.module!r}")
    if spec.origin is None or not spec.origin.endswith(".py"):
        raise _Undecided
    tree = ast.parse(Path(spec.origin).read_bytes(), filename=spec.origin)
    definition: ast.ClassDef | None = None
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            _check_import(node)
        elif isinstance(node, ast.ClassDef):
            definition = node if node.name == entry.attr else definition
        elif not _only_defines(node):
            raise _Undecided
    if definition is None or "LongTailLoss" not in {_last_name(base) for base in definition.bases}:
        raise _Undecided
    return _read_class(definition)


def _check_import(node: ast.Import | ast.ImportFrom) -> None:
    if isinstance(node, ast.ImportFrom):
        modules = [node.module] if node.level == 0 and node.module else []
    else:
        modules = [alias.name for alias in node.names]
    for module in modules:
        top = module.partition(".")[0]
        if importlib.util.find_spec(top) is None:
            raise ModuleNotFoundError(f"No module named {top!r}")


def _only_defines(node: ast.stmt) -> bool:
    if isinstance(node, ast.FunctionDef):
        return True
    value = getattr(node, "value", None)
    return isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign) and (
        value is None or isinstance(value, ast.Constant)
    )


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _read_class(definition: ast.ClassDef) -> tuple[str, dict[str, Any]]:
    paper, hyper_parameters, defined = "", {}, set()
    for node in definition.body:
        if isinstance(node, ast.FunctionDef):
            defined.add(node.name)
            if node.name == "__init__":
                hyper_parameters = _read_keywords(node.args)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if "paper" in {_last_name(target) for target in targets}:
                paper = str(_literal(node.value))
    if not {"num_logits", "forward", "scores"} <= defined:
        raise _Undecided
    return paper, hyper_parameters


def _read_keywords(arguments: ast.arguments) -> dict[str, Any]:
    positional = [*arguments.posonlyargs, *arguments.args]
    padding = [None] * (len(positional) - len(arguments.defaults))
    pairs = list(zip(positional, [*padding, *arguments.defaults], strict=True))[2:]  # after self and stats
    pairs += list(zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True))
    return {argument.arg: None if default is None else _literal(default) for argument, default in pairs}


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError as error:
        raise _Undecided from error

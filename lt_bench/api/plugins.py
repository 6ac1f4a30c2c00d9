"""Finds what packages register by entry point. A broken plugin is listed as broken and harms no other.

Listing reads a plugin's source instead of importing it, because importing one imports torch, which takes
seconds. Source that does more at import than define things is imported after all: only that tells whether it works.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from lt_bench.api.guarded_import import guarded_import
from lt_bench.api.plugin_source import Undecided, read_source
from lt_bench.errors import PluginError, UserError, did_you_mean
from lt_bench.utils.names import PLAIN_WORDS, is_plain_name

AUTO = "auto"  # the value of a hyper-parameter that asks for the rule of its class


@dataclass(frozen=True)
class PluginInfo:
    """What is registered under a name.

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


@dataclass(frozen=True)
class PluginGroup:
    """One kind of plugin. group: of the entry points. noun, plural: what messages call it. home, base: module and name
    of the class that it is a subclass of. defines: what a subclass must define.
    """

    group: str
    noun: str
    plural: str
    home: str
    base: str
    defines: frozenset[str]

    def infos(self, load: bool = False) -> list[PluginInfo]:
        """All of them, broken ones included, sorted by name.

        load: import each. Otherwise torch is imported only where a plugin can't be described from its source.
        """
        return [
            self._describe(entries[0], load) if len(entries) == 1 else _conflict(name, entries)
            for name, entries in sorted(self._entries().items())
        ]

    def info(self, name: str) -> PluginInfo:
        """Describe one, without importing it where its source is enough.

        Raises PluginError when there is none of this name, or it is broken. The message names its distribution.
        """
        entries = self._entries()
        if name not in entries:
            raise PluginError(f"there is no {self.noun} {name!r}", did_you_mean(name, entries))
        info = self._describe(entries[name][0]) if len(entries[name]) == 1 else _conflict(name, entries[name])
        if info.problem:
            raise PluginError(
                f"{self.noun} {name!r} of {info.distribution} can't be used: {info.problem}", self._remedy(info)
            )
        return info

    def load(self, name: str) -> type[Any]:
        """Import the class. Raises PluginError as `info` does."""
        entries = self._entries()
        info = self.info(name)
        try:
            return self._load(entries[name][0])
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"{self.noun} {name!r} of {info.distribution} can't be used: {_reason(error)}", self._remedy(info)
            ) from error

    def check_hyper_parameters(self, name: str, given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
        """Check names and types of hyper-parameters before something is built with them. known: keyword to default.

        Raises UserError when there is no such hyper-parameter, or a value is of another type than the default.
        """
        what = f"{self.noun} {name!r}"
        for key, value in given.items():
            if key not in known:
                raise UserError(f"{what} has no hyper-parameter {key!r}", did_you_mean(key, known))
            if value == AUTO:
                continue  # whether there is a rule shows when it is built
            kind = type(known[key])
            if kind in _KINDS and type(value) not in _KINDS[kind]:
                expected = " or ".join(accepted.__name__ for accepted in _KINDS[kind])
                raise UserError(f"{what}: {key} is {value!r}, expected {expected}", f"the default is {known[key]!r}")

    def _entries(self) -> dict[str, list[EntryPoint]]:
        found: dict[str, list[EntryPoint]] = defaultdict(list)
        for entry in entry_points(group=self.group):
            found[entry.name].append(entry)
        return dict(found)

    def _remedy(self, info: PluginInfo) -> str:
        return f"Fix or uninstall {info.distribution}; every other {self.noun} still works (lt_bench {self.plural})."

    def _describe(self, entry: EntryPoint, load: bool = False) -> PluginInfo:
        distribution, version = _origin(entry)
        if not is_plain_name(entry.name):  # folders are called after it
            problem = f"{entry.name!r} is no name: {PLAIN_WORDS}"
            return PluginInfo(entry.name, distribution, version, problem=problem)
        try:
            try:
                if load:
                    raise Undecided
                paper, hyper_parameters = read_source(entry, self.base, self.defines)
            except Undecided:
                cls = self._load(entry)
                paper, hyper_parameters = cls.paper, signature(cls)
        except (Exception, SystemExit) as error:  # a plugin may fail in any way
            return PluginInfo(entry.name, distribution, version, problem=_reason(error))
        return PluginInfo(entry.name, distribution, version, paper, hyper_parameters)

    def _load(self, entry: EntryPoint) -> type[Any]:
        base = getattr(import_module(self.home), self.base)
        with guarded_import():
            cls = entry.load()
        if not (inspect.isclass(cls) and issubclass(cls, base)):
            raise PluginError(f"{entry.value} is no subclass of lt_bench.{self.base}")
        missing = sorted(getattr(cls, "__abstractmethods__", ()))
        if missing:
            raise PluginError(f"{entry.value} does not define {', '.join(missing)}")
        return cls


# The types that a value may have, by that of the default: "no" is no bool, and 1.5 no number of classes.
_KINDS: dict[type, tuple[type, ...]] = {bool: (bool,), int: (int,), float: (float, int)}


def signature(cls: type[Any]) -> dict[str, Any]:
    """The hyper-parameters of a class, which come after its first argument: keyword to default."""
    parameters = list(inspect.signature(cls).parameters.values())[1:]
    return {
        parameter.name: None if parameter.default is inspect.Parameter.empty else parameter.default
        for parameter in parameters
        if parameter.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    }


def _origin(entry: EntryPoint) -> tuple[str, str]:
    return (entry.dist.name, entry.dist.version) if entry.dist else ("unknown", "unknown")


def _conflict(name: str, entries: list[EntryPoint]) -> PluginInfo:
    owners = sorted({" ".join(_origin(entry)) for entry in entries})
    return PluginInfo(
        name=name,
        distribution=", ".join(sorted({_origin(entry)[0] for entry in entries})),
        version="",
        problem=f"registered {len(entries)} times: {' and '.join(owners)}",
    )


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if not isinstance(error, PluginError) else error.message

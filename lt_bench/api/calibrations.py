"""Finds calibrations by entry point, as losses are found, and reads what the user asks for."""

from __future__ import annotations

import ast
import keyword
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from lt_bench.api.plugins import AUTO, PluginGroup, PluginInfo, signature
from lt_bench.errors import UserError

if TYPE_CHECKING:
    from lt_bench.api.calibration import Base, Calibration

CALIBRATIONS = PluginGroup(
    group="lt_bench.calibrations",
    noun="calibration",
    plural="calibrations",
    home="lt_bench.api.calibration",
    base="Calibration",
    defines=frozenset({"scores"}),
)
FORM = "for example --calibrate norcal:gamma=0.6"


@dataclass(frozen=True)
class Asked:
    """A calibration by its registered name, with the hyper-parameters that were given for it."""

    name: str
    hyper_parameters: Mapping[str, Any] = field(default_factory=dict)


def list_calibrations(load: bool = False) -> list[PluginInfo]:
    """Every registered calibration, broken ones included, sorted by name. load: import each."""
    return CALIBRATIONS.infos(load)


def calibration_info(name: str) -> PluginInfo:
    """Describe one. Raises PluginError when there is none of this name, or it is broken."""
    return CALIBRATIONS.info(name)


def load_calibration(name: str) -> type[Calibration]:
    """Import the class. Raises PluginError when there is none of this name, or it is broken."""
    return cast("type[Calibration]", CALIBRATIONS.load(name))


def parse_calibrations(texts: Sequence[str]) -> list[Asked]:
    """What --calibrate says, such as norcal or norcal:gamma=0.6,with=probs, each once.

    Raises UserError for anything else, for a calibration or a hyper-parameter that there is not, and for a value of
    another type than the default.
    """
    found: list[Asked] = []
    every: list[tuple[str, Mapping[str, Any]]] = []  # with the defaults
    for text in texts:
        one = _parsed(text)
        resolved = one.name, {**calibration_info(one.name).hyper_parameters, **one.hyper_parameters}
        if resolved in every:
            raise UserError(f"--calibrate {text} is given twice", "give each calibration once")
        found.append(one)
        every.append(resolved)
    return found


def build_calibration(asked: Asked, base: Base) -> Calibration:
    """Make an instance.

    Raises PluginError when there is no such calibration, or it is broken; UserError when it is not defined for the
    base, or refuses a value.
    """
    cls = load_calibration(asked.name)
    CALIBRATIONS.check_hyper_parameters(asked.name, asked.hyper_parameters, signature(cls))
    try:
        return cls(base, **asked.hyper_parameters)
    except UserError:
        raise
    except Exception as error:  # a plugin may fail in any way
        shown = ",".join(f"{key}={value}" for key, value in asked.hyper_parameters.items())
        raise UserError(
            f"the calibration {asked.name!r} can't be built: {error}",
            f"fix --calibrate {asked.name}{f':{shown}' if shown else ''}",
        ) from error


def block_of(asked: Asked, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """What configs say of a calibration: its name, all its hyper-parameters, and which of them differ from `defaults`.

    tuned: None; whoever chooses a value on images says there which and how: {"hyper_parameter": ..., "rule": ...}.
    """
    every = {**defaults, **asked.hyper_parameters}
    changed = sorted(name for name, value in every.items() if value != defaults.get(name))
    return {"name": asked.name, "hyper_parameters": every, "non_default": changed, "tuned": None}


def in_words(block: Mapping[str, Any]) -> str:
    """Such as "norcal (gamma=0.4)": its name, and what of it is not the default. block: as `block_of` makes it."""
    tuned = (block["tuned"] or {}).get("hyper_parameter")
    shown = [f"{name}={block['hyper_parameters'][name]}" for name in block["non_default"] if name != tuned]
    shown += [] if tuned is None else [f"{tuned} tuned"]
    return f"{block['name']} ({', '.join(shown)})" if shown else str(block["name"])


def refuse_classifier(name: str, cls: type[Calibration], layer: str) -> None:
    """Raises UserError for a calibration of a linear classifier's weights where the layer is of another type."""
    if cls.changes_classifier and layer != "Linear":
        raise UserError(
            f"the calibration {name!r} changes the weights of a linear classifier, and this one is a {layer}",
            "the recipe plain has a linear classifier; NormedLinear normalises its weights itself",
        )


def _parsed(text: str) -> Asked:
    name, colon, listed = text.strip().partition(":")
    pairs = [pair.partition("=") for pair in listed.split(",")] if colon else []
    if not name or not all(key.strip() and equals and value.strip() for key, equals, value in pairs):
        raise UserError(f"--calibrate {text!r} is not NAME or NAME:KEY=VALUE,...", FORM)
    given: dict[str, Any] = {}
    for key, _, value in pairs:
        own = key.strip()
        own += "_" if keyword.iskeyword(own) else ""  # `with` can't be the name of an argument
        if own in given:
            raise UserError(f"--calibrate {text}: {key.strip()} is given twice", "give each hyper-parameter once")
        given[own] = _value(value.strip())
    if AUTO in given.values():
        raise UserError(f"--calibrate {text}: a calibration has no rule for {AUTO}", "give a value, or leave it out")
    info = calibration_info(name)
    CALIBRATIONS.check_hyper_parameters(name, given, info.hyper_parameters)
    return Asked(name, given)


def _value(text: str) -> Any:
    try:
        return ast.literal_eval({"true": "True", "false": "False"}.get(text, text))
    except (ValueError, SyntaxError):
        return text

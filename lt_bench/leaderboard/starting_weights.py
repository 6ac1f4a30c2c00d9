"""What the weights of a run were before its first iteration, in the words of a record's `init`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lt_bench.leaderboard.fingerprint import weights_id

_BACKBONE = "backbone.init_cfg"
_USUALLY_FROZEN = {"pretrained": 1, "random": -1}  # stages of the backbone
_NO_TENSORS = ", 0 of 0 tensors"
_TENSORS = re.compile(r", [0-9]+ of [0-9]+ tensors$")


def starting_weights(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Whatever was trained before: where it goes in the model, and the file or URL; in the order they are loaded.

    The first is the backbone's, with "" for where it goes, if it has any. The last, "load_from", is for all of the
    model. Raises KeyError or TypeError for what is no config of a run.
    """
    found = list(_checkpoints(config["model"], ""))
    backbone = [("", name) for place, name in found if place.startswith(_BACKBONE)]
    others = [(place, name) for place, name in found if not place.startswith(_BACKBONE)]
    return [*backbone, *others, *([("load_from", config["load_from"])] if config.get("load_from") else [])]


def init_of(config: Mapping[str, Any], weights: Mapping[str, str], tensors: str = "") -> dict[str, str]:
    """A record's `init`: kind and description.

    weights: file or URL to its words. tensors: how many load_from gave, such as "293 of 295 tensors".
    """
    found = starting_weights(config)
    parts = [f"{place}: {weights[name]}" if place else weights[name] for place, name in found]
    if found and found[-1][0] == "load_from":
        parts[-1] += f", {tensors}"
    own = bool(found) and not found[0][0]
    if not own:
        parts.insert(0, f"random weights, seed {config['randomness']['seed']}")
    if "stage2" in config["model"]:
        parts.append(f"{config['model']['stage2']['trained']} alone trained")
    frozen = config["model"]["backbone"].get("frozen_stages")
    if frozen is not None and frozen != _USUALLY_FROZEN["pretrained" if own else "random"]:
        parts.append(f"backbone.frozen_stages={frozen}")
    wholly = bool(config.get("load_from")) or "stage2" in config["model"]
    pretrained = own or wholly  # of a neck alone the page must warn as of nothing
    return {"kind": "pretrained" if pretrained else "random", "description": "; ".join(parts)}


def init_denied(config: Mapping[str, Any], said: str) -> dict[str, str]:
    """The `init` that the config gives, in the words of `said` as far as they may be right: a config knows neither the
    names that files had nor how many tensors fitted.
    """
    names = {name: _word(name) for _, name in starting_weights(config)}
    expected = init_of(config, names, _NO_TENSORS.removeprefix(", "))
    parts, own = expected["description"].split("; "), said.split("; ")
    if len(parts) == len(own) and all(map(_may_be, own, parts)):
        expected["description"] = said
    return expected


def _word(name: str) -> str:
    return f"weights {weights_id(name)}"


def _may_be(said: str, expected: str) -> bool:
    """Whether a part of a description can be what the config says: it names the same place and the same weights."""
    place, found, weights = expected.rpartition("weights ")
    if not found or expected.startswith("random weights"):
        return said == expected
    if weights.endswith(_NO_TENSORS) and not _TENSORS.search(said):
        return False
    weights = weights.removesuffix(_NO_TENSORS)
    return said.startswith(place) and (len(weights) != 8 or weights in said)


def _checkpoints(node: Any, place: str) -> Iterator[tuple[str, str]]:
    pairs = node.items() if isinstance(node, Mapping) else enumerate(node) if _is_list(node) else ()
    for key, value in pairs:
        inner = f"{place}.{key}" if place else str(key)
        if key == "checkpoint" and isinstance(value, str):
            yield place, value
        else:
            yield from _checkpoints(value, inner)


def _is_list(node: Any) -> bool:
    return isinstance(node, Sequence) and not isinstance(node, str)

"""Pretrained weights: a local file, or a published one that is fetched once. Never a silent fallback."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import urlparse

from lt_bench.errors import UserError
from lt_bench.leaderboard.fingerprint import weights_id
from lt_bench.leaderboard.starting_weights import init_of, starting_weights
from lt_bench.utils.weights_only import UNREADABLE, weights_only

if TYPE_CHECKING:
    from mmengine.config import Config

_KEY = "model.backbone.init_cfg.checkpoint"
LONGEST = 1000  # characters of a description in a record
_REMEDY = (
    f"Give a local copy with --set {_KEY}=PATH, or train from random weights with --init random "
    "(another fingerprint, so another table)."
)


def cached_path(url: str) -> Path:
    """Where torch.hub, and so mmengine, keeps the file of `url`."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name


def ensure_init(cfg: Config, fetch: bool = True) -> dict[str, str]:
    """Make sure that all weights that a run starts from are there. Returns its record's `init`: kind and description.

    fetch: whether published ones are fetched; without, the description says which are to be.

    Raises UserError when they can't be had, or those of `load_from` fit nowhere.
    """
    found = starting_weights(cfg)
    words = {name: _ensure(name, not place, fetch) for place, name in found}
    wholly = found[-1][1] if cfg.get("load_from") else ""
    here = wholly and (fetch or "://" not in wholly or cached_path(wholly).is_file())
    init = init_of(cfg, words, _tensors(cfg, wholly) if here else "")
    return {**init, "description": init["description"][:LONGEST]}


def _ensure(checkpoint: str, backbone: bool, fetch: bool) -> str:
    what, remedy = ("the backbone weights", _REMEDY) if backbone else ("the weights", "name a file that is there")
    if "://" not in checkpoint:
        if not Path(checkpoint).is_file():
            raise UserError(f"{what} {checkpoint} do not exist", remedy)
        return f"{Path(checkpoint).name.replace(';', ',')} (sha256 {weights_id(checkpoint)})"
    target = cached_path(checkpoint)
    if not target.is_file():
        if not fetch:
            return f"{target.name} (to be fetched)"
        _download(checkpoint, target)
    return target.name


def _tensors(cfg: Config, checkpoint: str) -> str:
    """How many of the model's tensors `load_from` gives, as mmengine takes them: those of the same name and shape."""
    from mmengine.runner import CheckpointLoader

    local = str(cached_path(checkpoint)) if "://" in checkpoint else checkpoint
    try:
        with weights_only():
            content = CheckpointLoader.load_checkpoint(local, "cpu")
        given = {
            name.removeprefix("module."): value.shape for name, value in content.get("state_dict", content).items()
        }
    except UNREADABLE as error:
        raise UserError(f"load_from={checkpoint} can't be loaded: {error}", "name a checkpoint of mmengine") from error
    wanted = build_model(cfg).state_dict()
    taken = sum(given.get(name) == value.shape for name, value in wanted.items())
    if not taken:
        raise UserError(
            f"load_from={checkpoint} has none of the model's {len(wanted)} tensors", "name one of such a detector"
        )
    return f"{taken} of {len(wanted)} tensors"


def build_model(cfg: Config) -> Any:
    """The detector of a config, with weights that are not initialised. Leaves torch's random state as it is."""
    import mmdet.models  # noqa: F401 - registers the modules
    import torch
    from mmdet.registry import MODELS
    from mmengine.registry import DefaultScope
    from mmengine.utils import import_modules_from_strings

    import_modules_from_strings(**cfg.custom_imports)

    with torch.random.fork_rng(devices=[]), DefaultScope.overwrite_default_scope("mmdet"):
        model = MODELS.build(deepcopy(cfg.model))  # building writes into it
    return model


def _download(url: str, target: Path) -> None:
    import torch

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(target), hash_prefix=target.stem.rpartition("-")[2], progress=True)
    except (URLError, OSError, RuntimeError) as error:
        raise UserError(f"the weights {url} can't be fetched: {error}", _REMEDY) from error

"""Pretrained backbone weights: a local file, or a published one that is fetched once. Never a silent fallback."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.parse import urlparse

from lt_bench.errors import UserError

if TYPE_CHECKING:
    from mmengine.config import Config

_KEY = "model.backbone.init_cfg.checkpoint"
_REMEDY = (
    f"Give a local copy with --set {_KEY}=PATH, or train from random weights with --init random "
    "(another fingerprint, so another table)."
)


def cached_path(url: str) -> Path:
    """Where torch.hub, and so mmengine, keeps the file of `url`."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name


def ensure_weights(cfg: Config) -> str:
    """Make sure that the backbone's weights are there before a run starts. Returns what they are, for the record.

    Raises UserError when they can't be had.
    """
    from lt_bench.run.fingerprint import weights_id

    init = cfg.model.backbone.get("init_cfg")
    if init is None:
        return f"random weights, seed {cfg.randomness.seed}"
    checkpoint = init.checkpoint
    if "://" not in checkpoint:
        if not Path(checkpoint).is_file():
            raise UserError(f"the backbone weights {checkpoint} do not exist", _REMEDY)
        return f"{Path(checkpoint).name} (sha256 {weights_id(checkpoint)})"
    target = cached_path(checkpoint)
    if not target.is_file():
        _download(checkpoint, target)
    return target.name


def _download(url: str, target: Path) -> None:
    import torch

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(target), hash_prefix=target.stem.rpartition("-")[2], progress=True)
    except (URLError, OSError, RuntimeError) as error:
        raise UserError(f"the backbone weights {url} can't be fetched: {error}", _REMEDY) from error

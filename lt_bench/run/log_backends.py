"""`--log`: mmengine's backends that show a run's curves elsewhere than in its own files."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lt_bench.errors import UserError, did_you_mean
from lt_bench.run.optional_packages import refuse_missing_packages

if TYPE_CHECKING:
    from mmengine.config import Config

    from lt_bench.run.manifest import RunManifest

BACKENDS = {"tensorboard": "torch.utils.tensorboard", "wandb": "wandb"}  # and the module that it needs
PROJECT = "lt_bench"


def parse_log(text: str | None) -> tuple[str, ...]:
    """The backends that `--log` names, with commas. Raises UserError for one that is unknown or given twice."""
    names = tuple(name.strip() for name in text.split(",")) if text is not None else ()
    for name in names:
        if name not in BACKENDS:
            raise UserError(f"--log: there is no backend {name!r}", did_you_mean(name, tuple(BACKENDS)))
        if names.count(name) > 1:
            raise UserError(f"--log names {name} twice", "give each backend once")
    return names


def add_backends(cfg: Config, names: Sequence[str], manifest: RunManifest) -> None:
    """Have a run's curves written for these backends too. Nothing that a result depends on is changed.

    Weights & Biases writes below the run's folder (`wandb sync` uploads it later) unless WANDB_MODE says otherwise.
    Raises UserError for a package that is not there or can't be imported, and when --set has a visualizer already.
    """
    if not names:
        return
    if cfg.get("visualizer") is not None:
        raise UserError("--set gives the run a visualizer, and --log another", "leave one of them out")
    made = {"tensorboard": {"type": "TensorboardVisBackend"}, "wandb": _wandb(manifest)}
    backends = [{"type": "LocalVisBackend"}, *(made[name] for name in names)]
    cfg.visualizer = {"type": "Visualizer", "vis_backends": backends}
    refuse_missing_packages(cfg)
    for name in names:
        try:
            importlib.import_module(BACKENDS[name])
        except Exception as error:  # whatever a broken installation raises
            raise UserError(
                f"--log {name}: the package can't be imported: {type(error).__name__}: {error}",
                f"pip install --upgrade {name}",
            ) from error


def _wandb(manifest: RunManifest) -> dict[str, Any]:
    """Runs of one group may stand in one table."""
    run = manifest.experiment
    name = f"{run.loss} {run.detector} {run.backbone} {run.schedule} seed {run.seed}"
    offline = {} if os.environ.get("WANDB_MODE") else {"mode": "offline"}
    return {
        "type": "WandbVisBackend",
        "init_kwargs": {
            "project": PROJECT,
            "group": f"{run.dataset} {manifest.fingerprint[:12]}",
            "name": name,
            "settings": {"console": "off"},
            **offline,
        },
    }

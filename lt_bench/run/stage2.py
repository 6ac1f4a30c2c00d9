"""The second stage of decoupled training: where it starts, and whether that is a detector of the same make."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING

from lt_bench.errors import UserError
from lt_bench.leaderboard.dumped_config import read_config
from lt_bench.run.config import as_list
from lt_bench.run.folder import RunFolder
from lt_bench.run.pretrained import build_model

if TYPE_CHECKING:
    from mmengine.config import Config

SHOWN = 3  # names of tensors, in errors


def checkpoint_of(path: Path) -> Path:
    """The checkpoint that `path` stands for: the last one of a finished run's folder, or the file itself.

    Raises UserError when there is none.
    """
    if path.is_file():
        return path.resolve()
    if not path.is_dir():
        raise UserError(f"--stage2-from {path} does not exist", "name the folder of a run, or a checkpoint")
    folder = RunFolder(path.resolve())
    folder.read_manifest()
    if not folder.summary.is_file():
        raise UserError(f"--stage2-from: the run in {path} is not finished", "give its command again")
    checkpoint = folder.whole_checkpoint()
    if checkpoint is None:
        raise UserError(
            f"--stage2-from: the run in {path} has no checkpoint any more", "name another run or a checkpoint"
        )
    return checkpoint


def starting_point(cfg: Config) -> list[str]:
    """What of the trained part starts from the checkpoint of a second stage, in words; nothing for any other run.

    Raises UserError for a checkpoint that can't be loaded, or that lacks tensors of what is to stay as it is: those of
    another backbone, detector, mask head or other classes.
    """
    if "stage2" not in cfg.model:
        return []
    checkpoint = str(cfg.model.stage2.checkpoint)
    model = build_model(cfg)
    from lt_bench.detector.partly_trained import weights_of

    try:
        shapes = {name: tuple(value.shape) for name, value in weights_of(checkpoint).items()}
    except (pickle.UnpicklingError, RuntimeError, KeyError, EOFError, OSError, AttributeError, TypeError) as error:
        raise UserError(f"{checkpoint} can't be loaded: {error}", "name a checkpoint of mmengine") from error
    if lacking := model.lacking(shapes):
        names = ", ".join(lacking[:SHOWN])
        other = ", in another shape" if any(name in shapes for name in lacking[:SHOWN]) else ""
        what = f"of what --train {cfg.model.stage2.trained} leaves as it is"
        more = ", ..." if len(lacking) > SHOWN else ""
        raise UserError(
            f"{checkpoint} lacks {len(lacking)} tensors {what}{other}: {names}{more}",
            "choose detector, backbone, data and recipe (for its mask head) as those of the checkpoint",
        )
    _refuse_other_predictor(cfg, Path(checkpoint))
    own = {name: tuple(value.shape) for name, value in model.state_dict().items() if model.part.match(name)}
    anew = sorted(name for name, shape in own.items() if shapes.get(name) != shape)
    return [f"stage 2: {len(own) - len(anew)} of {len(own)} trained tensors start from the checkpoint"]


def _refuse_other_predictor(cfg: Config, checkpoint: Path) -> None:
    """A normalised and a plain mask predictor have tensors of one shape, and mean something else by them."""
    own = cfg.model.roi_head.get("mask_head")
    beside = RunFolder(checkpoint.parent).config
    if own is None or not beside.is_file():  # of a checkpoint of mmdet's own nobody can tell
        return
    earlier = read_config(beside)["model"]["roi_head"].get("mask_head") or {}
    wanted, found = ([dict(head["predictor_cfg"]) for head in as_list(heads)] for heads in (own, earlier or own))
    if wanted != found:
        raise UserError(
            f"the mask head in {checkpoint} was trained with the predictor {found[0]}; this run has {wanted[0]}",
            "choose the recipe that it was trained with",
        )

"""What all runs of a track share: everything but the loss and the seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lt_bench.data.known import layer_of
from lt_bench.data.own import LAYER
from lt_bench.errors import UserError, did_you_mean
from lt_bench.probe.schedule import in_steps
from lt_bench.run.config import repeat_threshold
from lt_bench.run.experiment import layer_path

if TYPE_CHECKING:
    from lt_bench.features.manifest import Manifest

RECIPES = ("common", "plain")
IMAGES_PER_STEP = 16
STEPS = 2000
EPOCHS = "1x"  # the schedule whose shape the training has in its steps

Evaluated = Literal["val", "held_out"]


@dataclass(frozen=True)
class Settings:
    """steps: of the optimizer. rate, clip: None for the recipe's; a clip of 0 is none. evaluate: what is evaluated,
    the validation images or the training images that are held out for it (and then not trained on). masks: the run or
    the checkpoint that the features are of, whose mask head gives masks; None for boxes alone.
    """

    recipe: str = "common"
    steps: int = STEPS
    rate: float | None = None
    clip: float | None = None
    evaluate: Evaluated = "val"
    masks: Path | None = None

    def __post_init__(self) -> None:
        if self.recipe not in RECIPES:
            raise UserError(
                f"there is no recipe {self.recipe!r} for a classifier alone", did_you_mean(self.recipe, RECIPES)
            )


@dataclass(frozen=True)
class Recipe:
    """probe: the block of the config that the fingerprint is of. overrides: what in it is not the recipe's, as the
    command line says it. hyper_parameters: what the recipe sets of each loss. auto: whether the losses'
    hyper-parameters that are tied to the data follow from it.
    """

    probe: dict[str, Any]
    overrides: list[str]
    hyper_parameters: dict[str, Any]
    auto: bool


def resolve(settings: Settings, manifest: Manifest) -> Recipe:
    """What the settings mean for these features, which have the images to evaluate.

    Raises UserError when nobody knows what detector the features are of.
    """
    from mmengine.config import Config

    layer = Config.fromfile(str(layer_path("recipes", settings.recipe)), lazy_import=False)
    shape = Config.fromfile(str(layer_path("schedules", EPOCHS)), lazy_import=False).schedule
    recipe, solver = layer.recipe.to_dict(), layer.optim_wrapper.to_dict()
    sgd = solver["optimizer"]
    clip = float((solver.get("clip_grad") or {}).get("max_norm", 0)) or None
    warmup = recipe["warmup"]
    schedule = in_steps(
        settings.steps, shape["epochs"], shape["milestones"], shape["gamma"], warmup["iters"], warmup["start_factor"]
    )
    head, track = manifest.head, manifest.track()
    if track is None:
        raise UserError("the features do not say what their detector is", "make them anew with `lt_bench features`")
    probe: dict[str, Any] = {
        "track": {
            "dataset": track.dataset,
            "detector": track.detector,
            "backbone": track.backbone,
            "recipe": settings.recipe,
        },
        "features": {
            "name": manifest.name,
            "checkpoint": manifest.checkpoint_sha256,
            "train_annotations": manifest.annotations["train"].sha256,
            "val_annotations": manifest.annotations["val"].sha256,
            "arrays": manifest.digest(),
            "precision": manifest.precision,
            "rois": manifest.rois,
            "epochs_of_boxes": manifest.epochs_of_boxes,
        },
        "classifier": {**recipe["classifier"], "prior_prob": recipe["prior_prob"]},
        "sampler": {
            "images_per_step": IMAGES_PER_STEP,
            "repeat_factor": repeat_threshold({**recipe, **_of_data(track.dataset)}, manifest.num_images),
            "rois_per_image": head.rois_per_image,
            "pos_fraction": head.pos_fraction,
            "neg_pos_ub": head.neg_pos_ub,
            "without_held_out": settings.evaluate == "held_out",
        },
        "optimizer": {
            "type": "SGD",
            "lr": float(sgd["lr"] if settings.rate is None else settings.rate),
            "momentum": sgd["momentum"],
            "weight_decay": sgd["weight_decay"],
            "clip": clip if settings.clip is None else settings.clip or None,
        },
        "schedule": {
            "steps": schedule.steps,
            "warmup": schedule.warmup,
            "start_factor": schedule.start_factor,
            "milestones": list(schedule.milestones),
            "gamma": schedule.gamma,
        },
        "test": {
            "split": settings.evaluate,
            "annotations": manifest.annotations[settings.evaluate].sha256,
            "proposals": head.proposals,
            "coder": {"target_means": list(head.box_means), "target_stds": list(head.box_stds)},
            "class_agnostic": head.class_agnostic,
            "rcnn": head.rcnn,
            **({"masks": True} if settings.masks else {}),  # absent in the tracks of boxes alone, which came first
        },
    }
    overrides = _overrides(settings, probe["optimizer"], sgd["lr"], clip)
    return Recipe(probe, overrides, recipe["hyper_parameters"], recipe["auto_hyper_parameters"])


def _of_data(dataset: str) -> dict[str, Any]:
    """What the data set's layer says of a recipe's repeat factors."""
    from mmengine.config import Config

    path = layer_path("datasets", layer_of(dataset))
    if not path.is_file():  # data of the user's own are trained on as LVIS is
        path = layer_path("datasets", LAYER)
    own = Config.fromfile(str(path), lazy_import=False).get("recipe") or {}
    return {name: own[name] for name in ("repeat_factor", "auto_repeat_factor") if name in own}


def _overrides(settings: Settings, optimizer: Mapping[str, Any], rate: float, clip: float | None) -> list[str]:
    """rate, clip: the recipe's."""
    lines = []
    if settings.steps != STEPS:
        lines.append(f"--steps {settings.steps}")
    if optimizer["lr"] != rate:
        lines.append(f"--rate {optimizer['lr']:g}")
    if optimizer["clip"] != clip:
        lines.append(f"--clip {optimizer['clip'] or 0:g}")
    if settings.evaluate != "val":
        lines.append(f"--evaluate {settings.evaluate}")
    if settings.masks:
        lines.append("--masks")
    return lines

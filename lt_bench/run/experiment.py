"""An experiment: what identifies a run, and how it becomes one plain mmengine config.

The config is put together from layers in configs/_base_ (runtime, detector, backbone, schedule, recipe, data set;
a later layer wins), then from what the annotation file says, then from --set.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_bench.api.registry import check_hyper_parameters, get_info
from lt_bench.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from mmengine.config import Config

    from lt_bench.data.lvis import DataPaths, LVISFile

DETECTORS = ("mask_rcnn", "cascade_mask_rcnn")
BACKBONES = ("r50", "r101", "x101_32x4d", "x101_64x4d")
SCHEDULES = ("1x", "2x")
DATASETS = ("lvis_v1", "lvis_v0.5", "glyphs", "glyphs-1203")
RECIPES = ("common", "paper")
INITS = ("pretrained", "random")
# AP_fixed counts up to 10,000 detections of each class: on LVIS v1 12 million in all, 607 an image.
FIXED_DETECTIONS_PER_IMAGE = 1000


@dataclass(frozen=True)
class Experiment:
    """The arguments of a run that its result depends on.

    hyper_parameters: of the loss, keyword to value. overrides: config key (dotted) to value; a key that starts with
    "+" may be new to the config. max_iters: optimizer steps instead of the schedule's epochs. init: where the
    backbone's weights come from, None for what the data set's recipe says. exclude: ids of images left out.
    detections_per_image: how many the model is asked for, None for what the recipe says (300 on LVIS).

    Raises UserError for an unknown name.
    """

    loss: str
    backbone: str = "r50"
    schedule: str = "1x"
    detector: str = "mask_rcnn"
    dataset: str = "glyphs"
    recipe: str = "common"
    seed: int = 0
    hyper_parameters: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    amp: bool = False
    init: str | None = None
    max_iters: int | None = None
    exclude: Sequence[int] = ()
    detections_per_image: int | None = None

    def __post_init__(self) -> None:
        for what, name, known in (
            ("backbone", self.backbone, BACKBONES),
            ("schedule", self.schedule, SCHEDULES),
            ("detector", self.detector, DETECTORS),
            ("data set", self.dataset, DATASETS),
            ("recipe", self.recipe, RECIPES),
            ("init", self.init or "random", INITS),
        ):
            if name not in known:
                raise UserError(f"there is no {what} {name!r}", did_you_mean(name, known))
        if self.max_iters is not None and self.max_iters < 1:
            raise UserError(f"--max-iters is {self.max_iters}", "give at least 1")
        info = get_info(self.loss)
        check_hyper_parameters(self.loss, self.hyper_parameters, info.hyper_parameters)
        if self.recipe == "paper" and not _layer_path("recipes/paper", self.loss).is_file():
            raise UserError(
                f"there is no paper recipe for the loss {self.loss!r}", "use --recipe common, which every loss shares"
            )

    def track(self) -> dict[str, str]:
        """What a table holds fixed: data set x detector x backbone x schedule x recipe."""
        return {key: getattr(self, key) for key in ("dataset", "detector", "backbone", "schedule", "recipe")}

    def digest(self) -> str:
        """SHA-256 (hex) of the arguments: the name of the run's folder, the same in every process."""
        arguments = asdict(self)
        if self.detections_per_image is None:
            del arguments["detections_per_image"]  # the folders of earlier runs keep their names
        return hashlib.sha256(json.dumps(arguments, sort_keys=True, default=str).encode()).hexdigest()

    def folder_name(self) -> str:
        """Folder of the run below the work dirs, for people and machines: what it is, and its digest."""
        return f"{self.dataset}/{self.loss}_{self.detector}_{self.backbone}_{self.schedule}_{self.digest()[:12]}"


def parse_assignments(assignments: Sequence[str], option: str) -> dict[str, Any]:
    """KEY=VALUE strings to a dict; values are Python literals, anything else is a string.

    Raises UserError for an assignment without "=" or key, and for a key given twice.
    """
    parsed: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        key = key.strip()
        if not equals or not key.strip("+."):
            raise UserError(f"{option} {assignment!r} is not KEY=VALUE", f"for example {option} gamma=2.0")
        if key in parsed:
            raise UserError(f"{option} {key} is given twice", "give each key once")
        constants = {"true": True, "false": False, "none": None, "null": None}
        try:
            parsed[key] = constants[text.lower()] if text.lower() in constants else ast.literal_eval(text)
        except (ValueError, SyntaxError):
            parsed[key] = text
    return parsed


def resolve(experiment: Experiment, paths: DataPaths, train: LVISFile) -> Config:
    """The config of an experiment for as many devices as the global batch has images (see devices.py).

    train: the training annotations, which give number, names and counts of the classes.
    Raises UserError for a --set key that is not in the config.
    """
    cfg = _merge_layers(experiment)
    recipe, schedule = cfg.pop("recipe"), cfg.pop("schedule")
    _set_heads(cfg, experiment, recipe, train)
    _set_schedule(cfg, experiment, recipe, schedule)
    _set_data(cfg, experiment, recipe, paths)
    if experiment.detections_per_image is not None:
        cfg.model.test_cfg.rcnn.max_per_img = experiment.detections_per_image
    if (experiment.init or recipe.get("init", "pretrained")) == "random":
        # Random weights need every layer trained, BatchNorm too.
        cfg.model.backbone.update(init_cfg=None, frozen_stages=-1, norm_eval=False)
    if experiment.amp:
        cfg.optim_wrapper.type = "AmpOptimWrapper"
    cfg.randomness = {"seed": experiment.seed}
    _set_overrides(cfg, experiment.overrides)
    return cfg


def backbone_weights(backbone: str) -> str:
    """The published weights of a backbone."""
    from mmengine.config import Config

    layer = Config.fromfile(str(_layer_path("backbones", backbone)), lazy_import=False)
    return str(layer.model.backbone.init_cfg.checkpoint)


def _layer_path(folder: str, name: str) -> Path:
    return Path(str(files("lt_bench.configs"))) / "_base_" / folder / f"{re.sub(r'[^a-z0-9]', '_', name)}.py"


def _merge_layers(experiment: Experiment) -> Config:
    from mmengine.config import Config

    recipe = ("recipes", "common") if experiment.recipe == "common" else ("recipes/paper", experiment.loss)
    layers = (
        ("", "runtime"),
        ("models", experiment.detector),
        ("backbones", experiment.backbone),
        ("schedules", experiment.schedule),
        recipe,
        ("datasets", experiment.dataset),
    )
    cfg = Config()
    for folder, name in layers:
        layer = Config.fromfile(str(_layer_path(folder, name)), lazy_import=False)
        cfg.merge_from_dict(layer.to_dict())
    budget = cfg.model.train_cfg.pop("rcnn_budget", None)
    for stage in as_list(cfg.model.train_cfg.rcnn) if budget else ():
        stage.sampler.num = budget.num  # a data set states one RoI budget; every stage of a cascade gets it
        stage.mask_size = budget.mask_size
    return cfg


def as_list(heads: Any) -> list[Any]:
    """The heads of a detector: one, or one for each stage of a cascade."""
    return list(heads) if isinstance(heads, Sequence) else [heads]


def _set_heads(cfg: Config, experiment: Experiment, recipe: Mapping[str, Any], train: LVISFile) -> None:
    from lt_bench.api.class_stats import ClassStats

    stats = ClassStats.from_file(train)
    loss_cls = {
        "type": "LossAdapter",
        "loss": experiment.loss,
        "hyper_parameters": {**recipe["hyper_parameters"], **experiment.hyper_parameters},
        "image_count": list(stats.image_count),
        "instance_count": list(stats.instance_count),
        "num_images": stats.num_images,
    }
    for head in as_list(cfg.model.roi_head.bbox_head):
        head.num_classes = stats.num_classes
        head.cls_predictor_cfg = recipe["classifier"]
        head.prior_prob = recipe["prior_prob"]
        head.loss_cls = loss_cls
    for head in as_list(cfg.model.roi_head.mask_head):
        head.num_classes = stats.num_classes
        head.predictor_cfg = recipe["mask_predictor"]


def _set_schedule(cfg: Config, experiment: Experiment, recipe: Mapping[str, Any], schedule: Mapping[str, Any]) -> None:
    epochs = schedule["epochs"]
    milestones = (recipe.get("milestones") or {}).get(experiment.schedule, schedule["milestones"])
    warmup, steps = recipe["warmup"]["iters"], experiment.max_iters
    if steps is None:
        cfg.train_cfg = {"type": "EpochBasedTrainLoop", "max_epochs": epochs, "val_interval": epochs + 1}
    else:
        # The same shape in fewer steps: drops at the same share of the run, warm-up at most a tenth of it.
        warmup = min(warmup, max(1, steps // 10))
        milestones = [max(1, round(steps * milestone / epochs)) for milestone in milestones]
        cfg.train_cfg = {"type": "IterBasedTrainLoop", "max_iters": steps, "val_interval": steps + 1}
        cfg.train_dataloader.sampler = {"type": "InfiniteSampler", "shuffle": True}
        cfg.log_processor.by_epoch = False
        cfg.default_hooks.checkpoint.update(by_epoch=False, interval=max(1, steps // 10))
    cfg.param_scheduler = [
        {
            "type": "LinearLR",
            "start_factor": recipe["warmup"]["start_factor"],
            "by_epoch": False,
            "begin": 0,
            # mmengine reaches the full rate one iteration before `end`
            "end": warmup + 1,
        },
        {
            "type": "MultiStepLR",
            "by_epoch": steps is None,
            "begin": 0,
            "end": epochs if steps is None else steps,
            "milestones": milestones,
            "gamma": schedule["gamma"],
        },
    ]


def _set_data(cfg: Config, experiment: Experiment, recipe: Mapping[str, Any], paths: DataPaths) -> None:
    for loader, path in ((cfg.train_dataloader, paths.train), (cfg.test_dataloader, paths.val)):
        loader.dataset.update(
            ann_file=str(path.resolve()),
            data_root=str(paths.image_root.resolve()),
            exclude=sorted(experiment.exclude),
        )
    if recipe["repeat_factor"] is not None:
        cfg.train_dataloader.dataset = {
            "type": "RepeatFactorDataset",
            "oversample_thr": recipe["repeat_factor"],
            "dataset": cfg.train_dataloader.dataset,
        }


def _set_overrides(cfg: Config, overrides: Mapping[str, Any]) -> None:
    for key, value in overrides.items():
        name = key.removeprefix("+")
        if "loss_cls" in name.split(".") and "bbox_head" in name:
            raise UserError(f"--set {key} changes the loss under test", "choose it with --loss and --loss-set")
        if not key.startswith("+"):
            _check_key(cfg, name)
        cfg.merge_from_dict({name: value})


def _check_key(cfg: Config, key: str) -> None:
    node: Any = cfg._cfg_dict
    walked: list[str] = []
    for part in key.split("."):
        if isinstance(node, Mapping):
            known = [str(name) for name in node]
        else:
            known = [str(index) for index in range(len(node))] if isinstance(node, list | tuple) else []
        if part not in known:
            where = ".".join(walked) or "the config"
            raise UserError(
                f"--set {key}: {where} has no {part!r}",
                f"{did_you_mean(part, known)}\nTo add a new key, write --set +{key}=...",
            )
        node = node[part] if isinstance(node, Mapping) else node[int(part)]
        walked.append(part)

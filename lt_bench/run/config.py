"""Puts together the one plain mmengine config of an experiment.

It is made of layers in configs/_base_ (runtime, detector, backbone, schedule, recipe, data set; a later layer wins),
then of what the annotation file says, then of --set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lt_bench.run import overrides
from lt_bench.run.experiment import Experiment, layer_path

if TYPE_CHECKING:
    from mmengine.config import Config

    from lt_bench.data.lvis import DataPaths, LVISFile


def resolve(experiment: Experiment, paths: DataPaths, train: LVISFile) -> Config:
    """The config of an experiment for as many devices as the global batch has images (see batch_split.py).

    train: the training annotations, which give number, names and counts of the classes.
    Raises UserError for a --set key that is not in the config.
    """
    cfg = _merge_layers(experiment)
    recipe, schedule = cfg.pop("recipe"), cfg.pop("schedule")
    _set_heads(cfg, experiment, recipe, train)
    _set_schedule(cfg, experiment, recipe, schedule)
    _set_data(cfg, experiment, recipe, paths, train)
    if experiment.trained is not None:
        cfg.model.type = f"PartlyTrained{cfg.model.type}"
        cfg.model.stage2 = {"checkpoint": experiment.stage2_from, "trained": experiment.trained}
        cfg.model.backbone.update(init_cfg=None, frozen_stages=-1)  # all of it comes from the checkpoint, and is frozen
    if experiment.detections_per_image is not None:
        cfg.model.test_cfg.rcnn.max_per_img = experiment.detections_per_image
    if experiment.trained is None and (experiment.init or recipe.get("init", "pretrained")) == "random":
        # Random weights need every layer trained, BatchNorm too.
        cfg.model.backbone.update(init_cfg=None, frozen_stages=-1, norm_eval=False)
    if experiment.amp:
        cfg.optim_wrapper.type = "AmpOptimWrapper"
    cfg.randomness = {"seed": experiment.seed}
    overrides.apply(cfg, experiment.overrides)
    return cfg


def backbone_weights(backbone: str) -> str:
    """The published weights of a backbone."""
    from mmengine.config import Config

    layer = Config.fromfile(str(layer_path("backbones", backbone)), lazy_import=False)
    return str(layer.model.backbone.init_cfg.checkpoint)


def repeat_threshold(recipe: Mapping[str, Any], num_images: int) -> float | None:
    """The threshold of the repeat factors; None where a recipe repeats nothing.

    recipe: the block of that name, of the recipe's layer and then of the data set's. num_images: for training.
    """
    from lt_bench.api.auto import frequency_of_common

    threshold: float | None = recipe["repeat_factor"]
    if threshold is not None and recipe.get("auto_repeat_factor", False):
        return frequency_of_common(num_images)  # of a data set where LVIS's threshold means something else
    return threshold


def _merge_layers(experiment: Experiment) -> Config:
    from mmengine.config import Config

    paper = experiment.recipe == "paper"
    recipe = ("recipes/paper", experiment.loss) if paper else ("recipes", experiment.recipe)
    layers = (
        ("", "runtime"),
        ("models", experiment.detector),
        ("backbones", experiment.backbone),
        ("schedules", experiment.schedule),
        recipe,
        ("datasets", experiment.data_layer),
    )
    cfg = Config()
    for folder, name in layers:
        layer = Config.fromfile(str(layer_path(folder, name)), lazy_import=False)
        cfg.merge_from_dict(layer.to_dict())
    budget = cfg.model.train_cfg.pop("rcnn_budget", None)
    for stage in as_list(cfg.model.train_cfg.rcnn) if budget else ():
        stage.sampler.num = budget.num  # a data set states one RoI budget; every stage of a cascade gets it
        if "mask_size" in stage:
            stage.mask_size = budget.mask_size
    if "mask_head" not in cfg.model.roi_head:
        _leave_out_masks(cfg)
    return cfg


def _leave_out_masks(cfg: Config) -> None:
    """Take out what a data set's layer says of masks, which a detector of boxes alone neither loads nor pools."""
    cfg.model.roi_head.pop("mask_roi_extractor", None)
    for step in cfg.train_dataloader.dataset.pipeline:
        if "with_mask" in step:
            step.with_mask = False


def as_list(heads: Any) -> list[Any]:
    """The heads of a detector: one, or one for each stage of a cascade."""
    return list(heads) if isinstance(heads, Sequence) else [heads]


def _set_heads(cfg: Config, experiment: Experiment, recipe: Mapping[str, Any], train: LVISFile) -> None:
    from lt_bench.api.class_stats import ClassStats
    from lt_bench.api.registry import resolve_hyper_parameters

    stats = ClassStats.from_file(train)
    given = {**recipe["hyper_parameters"], **experiment.hyper_parameters}
    loss_cls = {
        "type": "LossAdapter",
        "loss": experiment.loss,
        "hyper_parameters": resolve_hyper_parameters(
            experiment.loss, stats, given, every=recipe["auto_hyper_parameters"]
        ),
        "image_count": list(stats.image_count),
        "instance_count": list(stats.instance_count),
        "num_images": stats.num_images,
    }
    for head in as_list(cfg.model.roi_head.bbox_head):
        head.num_classes = stats.num_classes
        head.cls_predictor_cfg = recipe["classifier"]
        head.prior_prob = recipe["prior_prob"]
        if "classifier_init" in recipe:
            head.classifier_init = recipe["classifier_init"]
        if recipe.get("class_agnostic_boxes", False):
            head.reg_class_agnostic = True
        head.loss_cls = loss_cls
    for head in as_list(cfg.model.roi_head.get("mask_head") or ()):
        head.num_classes = stats.num_classes
        head.predictor_cfg = recipe["mask_predictor"]


def _set_schedule(cfg: Config, experiment: Experiment, recipe: Mapping[str, Any], schedule: Mapping[str, Any]) -> None:
    epochs = schedule["epochs"]
    milestones = (recipe.get("milestones") or {}).get(experiment.schedule, schedule["milestones"])
    second = recipe.get("stage2")
    if second is not None and second["trained"] == experiment.trained:
        epochs, milestones = second["epochs"], second["milestones"]
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


def _set_data(
    cfg: Config, experiment: Experiment, recipe: Mapping[str, Any], paths: DataPaths, train: LVISFile
) -> None:
    from lt_bench.data.exclusion import in_order
    from lt_bench.data.image_files import split_of

    for split, loader, path in (("train", cfg.train_dataloader, paths.train), ("val", cfg.test_dataloader, paths.val)):
        loader.dataset.update(
            ann_file=str(path.resolve()),
            data_root=str(paths.image_root.resolve()),
            exclude=in_order(experiment.exclude),
        )
        if split_of(path) != split:
            loader.dataset.split = split
    threshold = repeat_threshold(recipe, len(train.images))
    if threshold is not None:
        cfg.train_dataloader.dataset = {
            "type": "RepeatFactorDataset",
            "oversample_thr": threshold,
            "dataset": cfg.train_dataloader.dataset,
        }

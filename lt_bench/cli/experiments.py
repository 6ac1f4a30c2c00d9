"""What `run` and `sweep` both make of their options: the data, and the experiments on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lt_bench.cli.own_data import data_paths

if TYPE_CHECKING:
    from lt_bench.data.dataset import Dataset
    from lt_bench.data.lvis import DataPaths
    from lt_bench.run.experiment import Experiment
    from lt_bench.sweep.matrix import Cell

_OWN = ("train_annotations", "val_annotations", "images", "dataset_name", "groups", "crowds")  # see `own_data`
_OF_DATA = ("dataset", "data_root", *_OWN)  # in the order of `data_paths`


def paths_of(options: Mapping[str, Any]) -> DataPaths:
    """The files of the data set that the options name. Raises UserError as `data_paths` does."""
    return data_paths(*(options[name] for name in _OF_DATA))


def experiment_of(options: Mapping[str, Any], cell: Cell, paths: DataPaths, metrics: Sequence[str]) -> Experiment:
    """One combination, with the options that a command has once for all of them; no image is left out yet.

    metrics: that are asked for, which decide how many detections the model is asked for. Raises UserError for a
    mistake in any of them.
    """
    from lt_bench.evaluation.metrics import detections_per_image
    from lt_bench.run.experiment import Experiment, parse_assignments

    return Experiment(
        loss=cell.loss,
        backbone=cell.backbone,
        schedule=cell.schedule,
        detector=cell.detector,
        dataset=paths.dataset,
        own_data=paths.is_own,
        recipe=cell.recipe,
        seed=cell.seed,
        amp=options["amp"],
        init=options["init"],
        max_iters=options["max_iters"],
        hyper_parameters=cell.hyper_parameters,
        overrides=parse_assignments(options["settings"], "--set"),
        detections_per_image=detections_per_image(metrics),
    )


def on_data(
    options: Mapping[str, Any], experiments: Sequence[Experiment], paths: DataPaths
) -> tuple[Dataset, list[Experiment]]:
    """The data, with masks where any of the experiments needs them, and the experiments without --exclude-images.

    Raises UserError for data that can't be read and for images that are not in it.
    """
    from lt_bench.data import dataset as datasets
    from lt_bench.data.exclusion import read_exclusions

    data = datasets.load(paths, any(one.has_masks for one in experiments))
    if options["exclude_images"] is None:
        return data, list(experiments)
    left_out = read_exclusions(options["exclude_images"], data.train.image_ids, data.val.image_ids)
    return data, [replace(one, exclude=left_out) for one in experiments]

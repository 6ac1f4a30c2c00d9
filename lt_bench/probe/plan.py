"""The runs of a command, worked out and checked before anything is trained."""

from __future__ import annotations

import hashlib
import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_bench.api.calibration import Base, NotDefinedError
from lt_bench.api.calibrations import (
    Asked,
    block_of,
    build_calibration,
    calibration_info,
    load_calibration,
    refuse_classifier,
)
from lt_bench.api.class_stats import ClassStats
from lt_bench.api.registry import build_loss, get_info, resolve_hyper_parameters
from lt_bench.data.cache import cache_folder
from lt_bench.data.fractal_dimension import of_file
from lt_bench.data.lvis import load
from lt_bench.errors import UserError
from lt_bench.features.manifest import HELD_OUT
from lt_bench.leaderboard.store import slug
from lt_bench.probe.loss_context import refuse_unknown
from lt_bench.probe.masks import detector_of
from lt_bench.probe.settings import Recipe, Settings, resolve
from lt_bench.probe.tune import Tuning, tuning_of
from lt_bench.run.record import non_default, plain_value
from lt_bench.utils.names import is_plain_name

if TYPE_CHECKING:
    from lt_bench.api.loss import Activation
    from lt_bench.features.manifest import Manifest
    from lt_bench.features.store import FeatureSet

logger = logging.getLogger(__name__)

NOTE_LENGTH = 1000  # characters; a record holds no longer ones


@dataclass(frozen=True)
class ProbeRun:
    """One loss, one seed. features: their folder. annotations: what is evaluated on. config: what is written beside
    the record. given: the hyper-parameters that are set, as the loss takes them. folder: of the run.
    masks: the detector whose mask head is used, None for boxes alone. calibrations: runs of the same trained
    classifier, each with a calibration in its config. fractal_dimension: of the classes, where a calibration needs it.
    tuning: what is still to be chosen of the calibration.
    """

    features: Path
    annotations: Path
    config: Mapping[str, Any]
    given: Mapping[str, Any]
    folder: Path
    notes: tuple[str, ...] = ()
    masks: Path | None = None
    calibrations: tuple[ProbeRun, ...] = ()
    fractal_dimension: tuple[float, ...] | None = None
    tuning: Tuning | None = None

    @property
    def calibration(self) -> Mapping[str, Any] | None:
        """The block of the config: name, hyper_parameters and more; None for the loss's own scores."""
        block: Mapping[str, Any] | None = self.config.get("calibration")
        return block

    @property
    def loss(self) -> str:
        return str(self.config["loss"]["loss"])

    @property
    def seed(self) -> int:
        return int(self.config["seed"])


class Planner:
    """Makes the runs of one track.

    Raises UserError when the annotations that are evaluated on are not there any more, or were changed, or the detector
    that is to give masks is not that of the features.
    """

    def __init__(self, features: FeatureSet, settings: Settings) -> None:
        manifest = features.manifest
        self._features = features
        self.features = features.path.resolve()
        self.annotations = features.annotations(settings.evaluate).resolve()
        self.recipe: Recipe = resolve(settings, manifest)
        self.masks = None if settings.masks is None else settings.masks.resolve()
        if settings.masks is not None:
            detector_of(settings.masks, manifest)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.stats = ClassStats(manifest.image_count, manifest.instance_count, manifest.num_images)
        self.notes = tuple(str(one.message)[:NOTE_LENGTH] for one in caught if issubclass(one.category, UserWarning))

    def run(
        self,
        loss: str,
        hyper_parameters: Mapping[str, Any],
        seed: int,
        runs: Path,
        calibrations: Sequence[Asked] = (),
        where_defined: bool = False,
        tune: bool = False,
    ) -> ProbeRun:
        """hyper_parameters: as the user gave them. runs: the folder that the runs' folders are in. where_defined:
        whether calibrations that are not defined for the loss are left out. tune: whether one hyper-parameter of each
        calibration is chosen on held-out training images, which the features must have.

        Raises UserError for a loss or a calibration that is not there, or that can't be built with these
        hyper-parameters, and for a calibration that is not defined for the loss or the classifier.
        """
        info = get_info(loss)
        given = resolve_hyper_parameters(
            loss, self.stats, {**self.recipe.hyper_parameters, **hyper_parameters}, every=self.recipe.auto
        )
        try:
            built = build_loss(loss, self.stats, **given)
        except UserError:
            raise
        except Exception as error:  # a plugin may fail in any way
            shown = ", ".join(f"{key}={value!r}" for key, value in given.items())
            raise UserError(f"the loss {loss!r} can't be built: {error}", f"fix --loss-set {shown}") from error
        notes = (*self.notes, *refuse_unknown(built, loss, self.recipe.probe["classifier"]))
        defaults = {name: plain_value(value) for name, value in info.hyper_parameters.items()}
        every = defaults | {name: plain_value(value) for name, value in given.items()}
        config = {
            "probe": self.recipe.probe,
            "loss": {
                "loss": loss,
                "hyper_parameters": every,
                "non_default": non_default(every, defaults),
                "image_count": list(self.stats.image_count),
                "instance_count": list(self.stats.instance_count),
                "num_images": self.stats.num_images,
            },
            "seed": seed,
            "overrides": self.recipe.overrides,
            "ann_file": str(self.annotations),
            "features_folder": str(self.features),
        }
        folder = runs / f"{loss}_seed{seed}_{digest(config, f'{info.distribution} {info.version}')[:12]}"
        run = ProbeRun(self.features, self.annotations, config, given, folder.resolve(), notes, self.masks)
        calibrated = self._calibrated(run, built.activation, calibrations, where_defined, tune)
        return replace(run, calibrations=tuple(calibrated))

    def _calibrated(
        self, run: ProbeRun, activation: Activation | None, asked: Sequence[Asked], where_defined: bool, tune: bool
    ) -> Iterator[ProbeRun]:
        for one in asked:
            cls, info = load_calibration(one.name), calibration_info(one.name)
            refuse_classifier(one.name, cls, self.recipe.probe["classifier"]["type"])
            dimension = self.fractal_dimension if "fractal_dimension" in cls.needs else None
            base = Base(run.loss, activation, self.stats, dimension)
            try:
                build_calibration(one, base)
            except NotDefinedError as error:
                if not where_defined:
                    raise
                logger.info(f"left out: {run.loss} + {one.name}: {error.message}")
                continue
            defaults = {name: plain_value(value) for name, value in info.hyper_parameters.items()}
            block, tuning = block_of(one, defaults), None
            if tune:
                tuning = tuning_of(one, base, self.held_out)
                block["tuned"] = tuning.block(len(self._features.split(HELD_OUT)))
            config = {**run.config, "calibration": block}
            loss = get_info(run.loss)
            own = digest(config, f"{loss.distribution} {loss.version}, {info.distribution} {info.version}")
            folder = run.folder.parent / f"{run.loss}+{one.name}_seed{run.seed}_{own[:12]}"
            yield replace(run, config=config, folder=folder, fractal_dimension=dimension, tuning=tuning)

    @cached_property
    def held_out(self) -> Path:
        """The annotations of the held-out training images. Raises UserError when they are evaluated already."""
        if self.recipe.probe["test"]["split"] == HELD_OUT:
            raise UserError("--tune and --evaluate held_out would choose and measure on the same images", "give one")
        return self._features.annotations("held_out").resolve()

    @cached_property
    def fractal_dimension(self) -> tuple[float, ...]:
        """Of each class's box centres in the training annotations, which must be as the features were made of them."""
        file = load(self._features.annotations("train"), cache_folder(), rehash=False, complete=False, masks=False)
        return tuple(of_file(file).tolist())


def digest(config: Mapping[str, Any], distribution: str) -> str:
    """SHA-256 (hex) of what a run's result depends on: the same in every process.

    distribution: the package that brings the loss, and its version; of a calibration as well.
    """
    keys = [key for key in ("probe", "loss", "calibration", "seed") if key in config]
    content = {key: config[key] for key in keys} | {"distribution": distribution}
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def folder_of_runs(work_dir: Path | None, manifest: Manifest, settings: Settings) -> Path:
    """Where the runs' folders go."""
    held_out = "" if settings.evaluate == "val" else f"_{settings.evaluate}"
    name = manifest.name if is_plain_name(manifest.name) else slug(manifest.name)  # the features may be somebody else's
    return work_dir or Path("work_dirs", "probe", name, settings.recipe + held_out)

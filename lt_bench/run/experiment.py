"""An experiment: what identifies a run."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from lt_bench.api.registry import check_hyper_parameters, get_info
from lt_bench.data import own
from lt_bench.data.exclusion import Excluded
from lt_bench.data.glyphs import PRESETS
from lt_bench.data.known import KNOWN, layer_of
from lt_bench.errors import UserError, did_you_mean
from lt_bench.evaluation.terms import BoxOrMask
from lt_bench.leaderboard.schema_run import Track, schedule_of

DETECTORS = ("mask_rcnn", "cascade_mask_rcnn", "faster_rcnn")
BOXES_ALONE = ("faster_rcnn",)  # of these, the detectors without a mask head
BACKBONES = ("r50", "r101", "x101_32x4d", "x101_64x4d")
EPOCHS = {"1x": 12, "2x": 24}
SCHEDULES = tuple(EPOCHS)
RECIPES = ("common", "plain", "paper")
INITS = ("pretrained", "random")
PARTS = ("classifier", "heads")  # of a trained detector: what a second stage trains


def kinds_of(detector: str) -> tuple[BoxOrMask, ...]:
    """What a detector predicts."""
    return ("bbox",) if detector in BOXES_ALONE else ("bbox", "segm")


@dataclass(frozen=True)
class Experiment:
    """The arguments of a run that its result depends on.

    hyper_parameters: of the loss, keyword to value. overrides: config key (dotted) to value; a key that starts with
    "+" may be new to the config. max_iters: optimizer steps instead of the schedule's epochs. init: where the
    backbone's weights come from, None for what the data set's recipe says. exclude: images left out, by id or, where
    both splits have it, as "train:ID" or "val:ID". detections_per_image: how many the model is asked for, None for what
    the recipe says (300 on LVIS). own_data: the data set is one that the user named, trained on as LVIS is.
    stage2_from: the checkpoint of a trained detector, of which only `trained`, one of PARTS, is trained on.

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
    exclude: tuple[Excluded, ...] = ()
    detections_per_image: int | None = None
    own_data: bool = False
    stage2_from: str | None = None
    trained: str | None = None

    def __post_init__(self) -> None:
        for what, name, known in (
            ("backbone", self.backbone, BACKBONES),
            ("schedule", self.schedule, SCHEDULES),
            ("detector", self.detector, DETECTORS),
            *(() if self.own_data else [("data set", self.dataset, (*KNOWN, *PRESETS))]),
            ("recipe", self.recipe, RECIPES),
            ("init", self.init or "random", INITS),
            *([("part to train", self.trained, PARTS)] if self.trained is not None else []),
        ):
            if name not in known:
                raise UserError(f"there is no {what} {name!r}", did_you_mean(name, known))
        if self.max_iters is not None and self.max_iters < 1:
            raise UserError(f"--max-iters is {self.max_iters}", "give at least 1")
        if (self.stage2_from is None) != (self.trained is None):
            raise UserError(
                "--stage2-from and --train belong together", f"give both; --train takes {' or '.join(PARTS)}"
            )
        if self.trained is not None and self.init is not None:
            raise UserError(
                "--init is given with --stage2-from, which says where all weights come from", "leave it out"
            )
        info = get_info(self.loss)
        check_hyper_parameters(self.loss, self.hyper_parameters, info.hyper_parameters)
        if self.recipe == "paper" and not layer_path("recipes/paper", self.loss).is_file():
            raise UserError(
                f"there is no paper recipe for the loss {self.loss!r}", "use --recipe common, which every loss shares"
            )

    @property
    def data_layer(self) -> str:
        """The config layer of the data set."""
        return own.LAYER if self.own_data else layer_of(self.dataset)

    @property
    def kinds(self) -> tuple[BoxOrMask, ...]:
        """What is measured: boxes, and masks where the detector has a mask head."""
        return kinds_of(self.detector)

    @property
    def has_masks(self) -> bool:
        return "segm" in self.kinds

    def track(self) -> Track:
        """What a table holds fixed."""
        return Track(
            dataset=self.dataset,
            detector=self.detector,
            backbone=self.backbone,
            schedule=schedule_of(self.schedule, self.trained),
            recipe=self.recipe,
        )

    def digest(self) -> str:
        """SHA-256 (hex) of the arguments: the name of the run's folder, the same in every process."""
        arguments = asdict(self)
        for name in ("detections_per_image", "stage2_from", "trained"):
            if arguments[name] is None:
                del arguments[name]  # the folders of earlier runs keep their names
        if not self.own_data:
            del arguments["own_data"]
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


def layer_path(folder: str, name: str) -> Path:
    """The file of a config layer in configs/_base_/`folder`; it need not exist."""
    return Path(str(files("lt_bench.configs"))) / "_base_" / folder / f"{re.sub(r'[^a-z0-9]', '_', name)}.py"

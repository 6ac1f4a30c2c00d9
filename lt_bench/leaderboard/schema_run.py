"""What a record says of how a run was made: with what loss, where, on what data."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from lt_bench.evaluation.inputs.reading import CategoryIds, ImageIds
from lt_bench.leaderboard.schema_base import Count, Extended, Flag, HyperParameter, Model, Name, Sha256, Text


class Method(Extended):
    """hyper_parameters: all of them, as the run used them. non_default: names of those that differ from their
    defaults; tables show these. distribution: the installed package that brought it.
    """

    name: Name
    hyper_parameters: Annotated[dict[Name, HyperParameter], Field(max_length=100)]
    non_default: Annotated[tuple[Name, ...], Field(max_length=100)] = ()
    distribution: Name
    distribution_version: Name

    @model_validator(mode="after")
    def _non_default_exist(self) -> Method:
        unknown = set(self.non_default) - set(self.hyper_parameters)
        if unknown:
            raise ValueError(f"non_default names what hyper_parameters lacks: {sorted(unknown)[:5]}")
        return self


class Loss(Method):
    """The loss that was trained with."""


class Tuned(Model):
    """A hyper-parameter that was chosen on training images. rule: how, in words that are the same for every seed."""

    hyper_parameter: Name
    rule: Text


class Calibration(Method):
    """What made other scores of the trained classifier. tuned: absent where all hyper-parameters were given, or are the
    defaults.
    """

    tuned: Tuned | None = None

    @model_validator(mode="after")
    def _tuned_exists(self) -> Calibration:
        if self.tuned is not None and self.tuned.hyper_parameter not in self.hyper_parameters:
            raise ValueError(f"tuned names what hyper_parameters lacks: {self.tuned.hyper_parameter}")
        return self


class Track(Extended):
    """What is the same for every loss that is compared.

    features: the name of the stored features that the classifier alone was trained on, of the detector and backbone
    named here; absent for a detector that was trained in full.
    """

    dataset: Name
    detector: Name
    backbone: Name
    schedule: Name
    recipe: Name
    features: Name | None = None


class Init(Model):
    """description: the weights' file name or digest, or how random weights were drawn. kind: unknown of predictions
    that were made elsewhere, and of no others.
    """

    kind: Literal["pretrained", "random", "unknown"]
    description: Text


class Memory(Model):
    """The highest memory in use: of the process (host) or of the busiest GPU (cuda)."""

    peak_bytes: Count
    kind: Literal["host", "cuda"]


class Device(Model):
    name: Name
    count: Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
    kind: Literal["cpu", "cuda"]


class Git(Model):
    """dirty: there were changes that the commit does not hold."""

    commit: Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9a-f]{7,64}$")]
    dirty: Flag


class Data(Extended):
    """Digests of the two annotation files; images: how many were trained on, and evaluated on. image_files: one digest
    of all their files (see `lt_bench.data.pictures.digest_of_pictures`), absent where the data set is made by the
    package, and where the files were not seen.
    """

    train_annotations: Sha256
    val_annotations: Sha256
    classes: Annotated[int, Field(strict=True, ge=1)]
    train_images: Count
    val_images: Count
    image_files: Sha256 | None = None


class Elsewhere(Extended):
    """Predictions that were made by whatever program, and measured here. file: their name. image_ids, category_ids: how
    they were read (see `lt_bench.evaluation.inputs.reading`). source: where they are from, in words or as an address.
    """

    file: Text
    image_ids: ImageIds
    category_ids: CategoryIds
    source: Text | None = None


def schedule_of(schedule: str, trained: str | None) -> str:
    """A track's schedule in words. trained: the part of a detector that alone was trained, None for all of it."""
    return schedule if trained is None else f"{schedule}, {trained} alone"

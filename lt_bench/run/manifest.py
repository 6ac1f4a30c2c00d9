"""What a run notes in its folder: what it is (run.json) and how its training went (training.json)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_serializer

from lt_bench.leaderboard.schema_run import Init
from lt_bench.run.experiment import Experiment


class Note(BaseModel):
    """A JSON file in a run's folder."""

    model_config = ConfigDict(frozen=True)

    def content(self) -> dict[str, Any]:
        return self.model_dump()


class RunManifest(Note):
    """What identifies a run, and what its record needs beside its results.

    digest: of the experiment's arguments. distribution: the package that brought the loss, and its version.
    hyper_parameters: the loss's, as the recipe and the user set them. batch: how the devices share it.
    detections_per_image: how many the model was asked for, where the experiment says so. image_files: see `Data` of
    the record. started: the first time.
    """

    experiment: Experiment
    digest: str
    fingerprint: str
    distribution: str
    hyper_parameters: dict[str, Any]
    init: Init
    batch: str
    detections_per_image: Annotated[int, Field(ge=1)] | None = None
    image_files: str | None = None
    notes: tuple[str, ...]
    started: AwareDatetime

    @field_serializer("started")
    def _iso_format(self, started: AwareDatetime) -> str:
        return started.isoformat()

    def content(self) -> dict[str, Any]:
        """What earlier versions did not know is left out where it says nothing, so that theirs stay as they are."""
        content = self.model_dump()
        if self.detections_per_image is None:
            del content["detections_per_image"]
        if self.image_files is None:
            del content["image_files"]
        if not self.experiment.own_data:
            del content["experiment"]["own_data"]
        if self.experiment.trained is None:
            del content["experiment"]["trained"], content["experiment"]["stage2_from"]
        return content


class TrainingSummary(Note):
    """peak_memory_bytes: of the busiest process. operators: a run of an earlier version may lack it. skipped_steps:
    optimizer steps that were left out since the loss or its gradient was not finite.
    """

    training_seconds: float
    peak_memory_bytes: int
    iterations: int
    epochs: int
    device: str
    device_kind: Literal["cpu", "cuda"]
    device_count: int
    operators: str | None = None
    skipped_steps: Annotated[int, Field(ge=0)] = 0

    def content(self) -> dict[str, Any]:
        """As of earlier versions where no step was skipped."""
        return self.model_dump(exclude=None if self.skipped_steps else {"skipped_steps"})

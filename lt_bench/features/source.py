"""Where the detector comes from: the folder of a run, or a stock checkpoint of mmdet and what it was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lt_bench.data.dataset import Dataset
from lt_bench.errors import UserError
from lt_bench.features.manifest import Source
from lt_bench.leaderboard.schema_run import Track
from lt_bench.run.folder import RunFolder
from lt_bench.utils.files import sha256_of

if TYPE_CHECKING:
    from mmengine.config import Config


@dataclass(frozen=True)
class DetectorSource:
    """what: a short name. run: None for a stock checkpoint, whose classifier's weights don't matter. stock: what that
    was said to be.
    """

    what: str
    cfg: Config
    checkpoint: Path
    checkpoint_sha256: str
    run: Source | None
    stock: Track | None = None

    @property
    def name(self) -> str:
        return f"{self.what}_{self.checkpoint_sha256[:8]}"


def of_run(path: Path) -> DetectorSource:
    """The detector of a finished run. Raises UserError when the run is not finished or its checkpoint is gone."""
    from mmengine.config import Config

    folder = RunFolder(path.resolve())
    manifest = folder.read_manifest()
    checkpoint = folder.last_checkpoint()
    if not folder.summary.is_file():
        raise UserError(f"the run in {path} is not finished", "give its command again")
    if checkpoint is None:
        raise UserError(f"the run in {path} has no checkpoint any more", "name another run, or a checkpoint")
    experiment = manifest.experiment
    run = Source(loss=experiment.loss, seed=experiment.seed, track=experiment.track(), fingerprint=manifest.fingerprint)
    cfg = Config.fromfile(str(folder.config), lazy_import=False)
    return DetectorSource(f"{run.loss}_{run.seed}", cfg, checkpoint, sha256_of(checkpoint), run)


def of_checkpoint(path: Path, dataset: Dataset, backbone: str, detector: str) -> DetectorSource:
    """A stock checkpoint, with the common recipe's config for the data set. Raises UserError for an unknown name."""
    from lt_bench.run.config import resolve
    from lt_bench.run.experiment import Experiment

    experiment = Experiment(
        loss="ce",
        backbone=backbone,
        detector=detector,
        dataset=dataset.paths.dataset,
        own_data=dataset.paths.is_own,
    )
    cfg = resolve(experiment, dataset.paths, dataset.train)
    return DetectorSource(f"{detector}_{backbone}", cfg, path, sha256_of(path), None, experiment.track())

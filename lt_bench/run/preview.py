"""`run --dry-run` and `--print-config`: what a run would do, and what it would need, without running it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from lt_bench.data.dataset import Dataset
from lt_bench.run import estimate
from lt_bench.run.estimate import DiskEstimate, MemoryEstimate
from lt_bench.run.experiment import Experiment
from lt_bench.run.folder import RunFolder
from lt_bench.run.pipeline import SAME_RUN, RunOptions, complete_config, refuse_another_run
from lt_bench.run.plan import Plan, make_plan
from lt_bench.utils.terminal import shown

OFFICIAL = "mmdet's own runs of these detectors took 0.8 to 1.1 GiB more"  # held by tests/run/test_estimate.py


@dataclass(frozen=True)
class Preview:
    """state: of the folder, in words. free: bytes on its disk. cuda: whether the plan is for GPUs."""

    plan: Plan
    folder: RunFolder
    state: str
    memory: MemoryEstimate
    disk: DiskEstimate
    free: int
    cuda: bool

    def config(self) -> str:
        """The run's config.py, where it begins."""
        text: str = self.plan.cfg.pretty_text
        return text

    def rows(self) -> list[tuple[str, str]]:
        """What is to be said of the run: a word and a sentence each."""
        manifest, cfg = self.plan.manifest, self.plan.cfg
        run, memory, disk = manifest.experiment, self.memory, self.disk
        parts = {"weights": memory.weights, "gradients": memory.gradients, "optimizer": memory.optimizer}
        listed = ", ".join(f"{name} {_size(value)}" for name, value in parts.items())
        length = f"{run.max_iters} optimizer steps" if run.max_iters else f"{cfg.train_cfg.max_epochs} epochs"
        room = "" if self.free > disk.total else ": NOT ENOUGH"
        more = f"; {OFFICIAL}" if self.cuda else "; python and its libraries come on top"
        return [
            ("run", f"{run.loss}, {run.detector} {run.backbone} {run.schedule}, recipe {run.recipe}, seed {run.seed}"),
            ("loss", ", ".join(f"{key}={value!r}" for key, value in manifest.hyper_parameters.items()) or "defaults"),
            ("fingerprint", manifest.fingerprint),
            ("starts from", manifest.init.description),
            ("length", length),
            ("batch", f"{manifest.batch}, on {'GPUs' if self.cuda else 'CPUs: this machine has no GPU'}"),
            (
                "memory",
                f"at least {_size(memory.total)} a device ({listed}, activations {_size(memory.activations)}){more}",
            ),
            (
                "disk",
                f"at most {_size(disk.total)} ({disk.kept} checkpoints of {_size(disk.checkpoint)}, predictions "
                f"{_size(disk.predictions)}); {_size(self.free)} are free{room}",
            ),
            ("folder", self.place()),
            *(("note", note) for note in manifest.notes if not note.startswith("batch: ")),
        ]

    def place(self) -> str:
        return f"{shown(self.folder.path)}: {self.state}"


def preview(experiment: Experiment, dataset: Dataset, options: RunOptions) -> Preview:
    """Raises UserError as the run would; weights are not fetched, images not opened, and nothing is written."""
    import torch

    plan = make_plan(experiment, dataset, options.devices, options.images_per_device, fetch=False)
    folder = RunFolder(options.folder.resolve())
    if not (options.restart and folder.manifest.is_file()):
        refuse_another_run(folder, plan.manifest, SAME_RUN)
    complete_config(plan, folder, options)
    return Preview(
        plan=plan,
        folder=folder,
        state=state_of(folder.path, options.restart),
        memory=estimate.memory(plan.cfg, plan.devices, _largest(dataset)),
        disk=estimate.disk(plan.cfg, len(dataset.val.image_ids)),
        free=shutil.disk_usage(_existing(folder.path)).free,
        cuda=torch.cuda.is_available(),
    )


def state_of(path: Path, restart: bool) -> str:
    """What a run finds in its folder, in words."""
    folder = RunFolder(path)
    if restart and folder.manifest.is_file():
        return "an earlier run is moved aside, and the run begins anew"
    if folder.result.is_file():
        return "finished"
    if folder.is_trained():
        return "trained; it is evaluated"
    last = folder.last_checkpoint()
    return f"goes on after {last.name}" if last else "nothing yet"


def _largest(dataset: Dataset) -> tuple[int, int]:
    width, height = dataset.train.columns["image_size"].max(axis=0).tolist()
    return width, height


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.is_dir())


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"

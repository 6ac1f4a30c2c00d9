"""One run: trains a classifier with a loss, predicts, evaluates, and leaves the record and what belongs to it."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Literal

import torch

from lt_bench.api.calibration import Base
from lt_bench.api.calibrations import Asked, build_calibration
from lt_bench.errors import UserError
from lt_bench.evaluation.evidence.file import write_evidence
from lt_bench.evaluation.inputs.predictions import write_encoded
from lt_bench.evaluation.metrics import measure
from lt_bench.evaluation.report import write_per_class
from lt_bench.evaluation.terms import BoxOrMask
from lt_bench.features.manifest import train_split
from lt_bench.features.store import FeatureSet, read_manifest
from lt_bench.leaderboard.dumped_config import config_text
from lt_bench.leaderboard.store import read, write
from lt_bench.probe.head import build_head, trained_parameters
from lt_bench.probe.loss_context import told
from lt_bench.probe.masks import Masks
from lt_bench.probe.plan import ProbeRun
from lt_bench.probe.predict import predict
from lt_bench.probe.record import Training, make_record
from lt_bench.probe.sampling import ImageOrder, RoISampler, repeats
from lt_bench.probe.schedule import Schedule
from lt_bench.probe.train import Batches, Optimizer, train
from lt_bench.probe.tune import best, on_held_out, with_value
from lt_bench.run.environment import processor
from lt_bench.run.folder import RunFolder
from lt_bench.utils.files import write_atomic

if TYPE_CHECKING:
    from lt_bench.detector.box_head import LongTailBBoxHead
    from lt_bench.leaderboard.schema import ResultRecord

DeviceKind = Literal["cpu", "cuda"]
Report = Callable[[float], None]

BOXES: tuple[BoxOrMask, ...] = ("bbox",)
TUNING = "tuning"  # folder of predictions that a value is chosen by, for a while
_TRAINED = 0.7  # of a run's time, about
_PREDICTED = 0.85  # of the time that is left


def run_probe(run: ProbeRun, device: DeviceKind = "cpu", report: Report = lambda share: None) -> ResultRecord:
    """Do a run and those of its calibrations, as far as they are not finished, and return the run's own record.

    The classifier is trained once for all of them. report: told which share of it is done.

    On the CPU one thread computes: the result does not depend on how many there are.
    Raises UserError when the features were changed or another process is at the same run, RunFailedError when the loss
    becomes NaN or infinite, and whatever a loss or a calibration raises.
    """
    torch.set_num_threads(1)
    every = (run, *run.calibrations)
    with ExitStack() as stack:
        for one in every:
            stack.enter_context(RunFolder(one.folder).claimed(restart=False))
        unfinished = [one for one in every if finished_record(one) is None]
        if unfinished:
            started = datetime.now(timezone.utc)
            features = _open(run)
            unfinished = _tuned(run, unfinished, features, device)
            head, training = _train(run, features, device, lambda share: report(_TRAINED * share))
            masks = _masks(run, features, device)
            for place, one in enumerate(unfinished):
                told = _part(report, place, len(unfinished))
                _evaluate(one, features, head, training, masks, started, told)
        return read(RunFolder(run.folder).result)


def _tuned(run: ProbeRun, unfinished: Sequence[ProbeRun], features: FeatureSet, device: DeviceKind) -> list[ProbeRun]:
    """The runs with values for what is to be tuned of their calibrations."""
    annotations = next((one.tuning.annotations for one in unfinished if one.tuning is not None), None)
    if annotations is None:
        return list(unfinished)
    own = on_held_out(run, annotations)
    head, _ = _train(own, features, device, lambda share: None)

    def ap(one: ProbeRun) -> float:
        folder = RunFolder(one.folder / TUNING)
        folder.path.mkdir(exist_ok=True)
        with _calibration(one, head):
            _predict(replace(own, folder=folder.path), features, head, None, lambda share: None)
        found: float = measure(annotations, folder.predictions, kinds=BOXES).blocks()["metrics"]["bbox"]["AP"]
        shutil.rmtree(folder.path)
        return found

    def chosen(one: ProbeRun, values: Sequence[float]) -> ProbeRun:
        return with_value(one, best(values, lambda value: ap(with_value(one, value))))

    return [one if one.tuning is None else chosen(one, one.tuning.values) for one in unfinished]


def _part(report: Report, place: int, parts: int) -> Report:
    """Tells the shares of one of several evaluations as those of the whole run."""
    return lambda share: report(_TRAINED + (1 - _TRAINED) * (place + share) / parts)


def _evaluate(
    run: ProbeRun,
    features: FeatureSet,
    head: LongTailBBoxHead,
    training: Training,
    masks: Masks | None,
    started: datetime,
    report: Report,
) -> None:
    """Predict with the trained head, and write what belongs to the run."""
    folder, began = RunFolder(run.folder), time.perf_counter()
    with _calibration(run, head):
        _predict(run, features, head, masks, lambda share: report(_PREDICTED * share))
    kinds: tuple[BoxOrMask, ...] = BOXES if run.masks is None else (*BOXES, "segm")
    measured = measure(run.annotations, folder.predictions, kinds=kinds, evidence=True)
    assert measured.evidence is not None
    evidence = write_evidence(measured.evidence, folder.evidence)
    seconds = time.perf_counter() - began
    record = make_record(run, features.manifest, training, measured, evidence, seconds, started)
    write_per_class(folder.per_class, (row.model_dump() for row in record.per_class))
    write_atomic(folder.config, [config_text(run.config).encode()])
    write(record, folder.result)
    report(1.0)


def _calibration(run: ProbeRun, head: LongTailBBoxHead) -> AbstractContextManager[None]:
    """Within it, the head predicts as the run asks for."""
    if run.calibration is None:
        return nullcontext()
    from lt_bench.detector.calibrated import calibrated

    loss = head.loss_cls.loss
    base = Base(run.loss, loss.activation, loss.stats, run.fractal_dimension)
    asked = Asked(run.calibration["name"], run.calibration["hyper_parameters"])
    return calibrated(head, build_calibration(asked, base))


def finished_record(run: ProbeRun) -> ResultRecord | None:
    """The record of a run that is finished, with its evidence; None for one that is not.

    Raises UserError for a record that can't be read, or was changed by hand.
    """
    from lt_bench.run.record import refuse_altered

    folder = RunFolder(run.folder)
    if not folder.result.is_file():
        return None
    record = read(folder.result)
    refuse_altered(record, folder.result)
    return record if folder.has_evidence(record.evidence) else None


def _open(run: ProbeRun) -> FeatureSet:
    """Without comparing digests, which was done before the runs began."""
    features = FeatureSet(run.features, read_manifest(run.features))
    if features.manifest.digest() != run.config["probe"]["features"]["arrays"]:
        raise UserError(f"{run.features} was changed while this went on", "give the same command again")
    return features


def _train(
    run: ProbeRun, features: FeatureSet, device: DeviceKind, report: Report
) -> tuple[LongTailBBoxHead, Training]:
    probe, loss = run.config["probe"], run.config["loss"]
    head = build_head(
        loss={
            "loss": loss["loss"],
            "hyper_parameters": dict(run.given),
            **{key: loss[key] for key in ("image_count", "instance_count", "num_images")},
        },
        classifier=probe["classifier"],
        coder=probe["test"]["coder"],
        class_agnostic=probe["test"]["class_agnostic"],
        regression=features.regression(),
        seed=run.seed,
    )
    head.to(device).train()
    batches, per_epoch = _batches(run, features)
    steps = probe["schedule"]["steps"]
    began = time.perf_counter()
    train(
        head.fc_cls,
        told(head, steps),
        trained_parameters(head),
        batches,
        Schedule(**probe["schedule"]).rates(probe["optimizer"]["lr"]),
        Optimizer(**{key: value for key, value in probe["optimizer"].items() if key not in ("type", "lr")}),
        lambda step: report(step / steps),
    )
    training = Training(
        seconds=time.perf_counter() - began,
        steps=steps,
        epochs=steps * probe["sampler"]["images_per_step"] // per_epoch,
        peak_memory_bytes=_peak_memory_bytes(device),
        device=torch.cuda.get_device_name() if device == "cuda" else processor(),
        device_kind=device,
    )
    return head, training


def _batches(run: ProbeRun, features: FeatureSet) -> tuple[Batches, int]:
    """And the number of images of an epoch."""
    probe, manifest = run.config["probe"], features.manifest
    sampler = probe["sampler"]
    splits = [features.split(train_split(epoch)) for epoch in range(manifest.epochs_of_boxes)]
    left_out = features.split(probe["test"]["split"]).image_ids if sampler["without_held_out"] else None
    order = ImageOrder(repeats(splits[0], sampler["repeat_factor"], left_out), sampler["images_per_step"], run.seed)
    if not len(order):
        raise UserError(f"{run.features} has no training images", "make the features of a data set that has some")
    samplers = [
        RoISampler(
            split, sampler["rois_per_image"], sampler["pos_fraction"], manifest.num_classes, sampler["neg_pos_ub"]
        )
        for split in splits
    ]
    return Batches(splits, order, samplers, run.seed), len(order)


def _masks(run: ProbeRun, features: FeatureSet, device: DeviceKind) -> Masks | None:
    if run.masks is None:
        return None
    return Masks(run.masks, features, run.config["probe"]["test"]["split"], torch.device(device))


def _predict(run: ProbeRun, features: FeatureSet, head: LongTailBBoxHead, masks: Masks | None, report: Report) -> None:
    test = run.config["probe"]["test"]
    split = features.split(test["split"])
    head.eval()
    ids = [category.id for category in features.manifest.categories]
    images = max(1, len(split))
    batches = predict(head, split, test["rcnn"], ids, lambda done: report(done / images), masks)
    write_encoded(RunFolder(run.folder).predictions, batches)


def _peak_memory_bytes(device: DeviceKind) -> int:
    if device == "cuda":
        return int(torch.cuda.max_memory_allocated())
    import resource  # not on Windows

    scale = 1 if sys.platform == "darwin" else 1024  # Linux counts in KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale

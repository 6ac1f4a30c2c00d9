"""The measurements of the probe as tables and as a Markdown page."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.common.table import table
from benchmarks.probe import DATASET

if TYPE_CHECKING:
    from benchmarks.probe.generate import Size

TARGET = 15  # seconds per loss and seed at glyphs-lt's size

SUMMARY_HEADERS = (
    *("size", "classes", "features", "command", "per loss and seed", "whole run", "with all val images"),
    *("memory", "load"),
)
LOSS_HEADERS = (
    "size",
    "loss",
    "ms per step",
    "training, {steps:,} steps",
    "ms per val image",
    "all val images",
    "peak",
)

EXPLANATION = """\
The command `lt_bench probe` on generated features, {parallel} at a time, one thread each on a CPU; recipe `{recipe}`,
one seed of each loss. Seconds are medians over the repetitions.

- command: from start to end, with its own start, opening the features (their SHA-256 was remembered) and the tables.
- per loss and seed: that over the number of runs: what one more loss or seed costs.
- whole run: training of {steps:,} steps, prediction and evaluation of one run while others go on beside it, median over
  the losses; where fewer steps were taken, the training is scaled to {steps:,}.
- with all val images: the same with evaluation scaled to the validation images of the real data set. Prediction grows
  with their number; that the rest of the evaluation does as well is a guess
  ([evidence.md](evidence.md) has it measured). A classifier that took few steps scores nearly alike whatever it
  sees, which makes NMS slower than a trained one does.
- memory: the most that all processes of the command held of their own. Pages of the mapped features, which the
  system can drop, are not counted here, but are in a run's own peak in the second table, as in its record.
- load: how many processes wanted the machine before (the command adds {parallel})."""

PEER = """\
What storing features saves: the same training without them, and the training of the whole detector as `run` does it,
on images of `glyphs-lt` ({threads} threads, one process; decoding and augmentation not counted). *Frozen* is the peer
to compare with: each step passes its 16 images through the frozen detector and trains the classifier alone, which
gives the probe's weights (`tests/probe/test_equals_mmdet.py`). *Whole* trains and predicts everything, masks too, and
answers another question. Features are stored once for all losses and seeds, which takes about as long as
{pass_steps:.0f} steps of the frozen detector, and its validation images."""


def facts(name: str, size: Size) -> dict[str, Any]:
    """Of a size, for the JSON."""
    return {
        "size": name,
        "classes": size.stats.num_classes,
        "train_images": size.train_images,
        "val_images": size.val_images,
        "all_val": size.all_val,
        "proposals": size.proposals,
    }


def summary(data: Mapping[str, Any], style: str = "github") -> str:
    """A row for each size."""
    return table(SUMMARY_HEADERS, [_summary_row(result, data) for result in data["results"]], "lr", style)


def by_loss(data: Mapping[str, Any], style: str = "github") -> str:
    """A row for each size and loss."""
    whole = data["settings"]["whole_steps"]
    headers = [header.format(steps=whole) for header in LOSS_HEADERS]
    rows = [_loss_row(result, loss, whole) for result in data["results"] for loss in result["samples"][0]["runs"]]
    return table(headers, rows, "llr", style)


def parts(data: Mapping[str, Any]) -> list[str]:
    """What the Markdown page says."""
    settings = data["settings"]
    sizes = "; ".join(
        f"`{result['size']}`: {result['classes']:,} classes, {result['train_images']:,} training images of 64 RoIs, "
        f"{result['val_images']:,} validation images of {result['proposals']} (the real data set has "
        f"{result['all_val']:,}), 1,024 numbers in float16, {result['steps']:,} steps"
        for result in data["results"]
    )
    said = EXPLANATION.format(parallel=settings["parallel"], recipe=settings["recipe"], steps=settings["whole_steps"])
    return [said, f"{sizes}.", summary(data), *_verdict(data), by_loss(data), *_peer(data)]


def seconds_per_run(result: Mapping[str, Any]) -> float:
    """The command's, over the number of its runs; median over the repetitions."""
    return float(median(sample["seconds"] / len(sample["runs"]) for sample in result["samples"]))


def _verdict(data: Mapping[str, Any]) -> list[str]:
    """Whether the target is met, where it was measured."""
    found = []
    for result in data["results"]:
        if result["size"] == DATASET and result["steps"] == data["settings"]["whole_steps"]:
            seconds = seconds_per_run(result)
            kept = "kept" if seconds < TARGET else "missed"
            found.append(
                f"The target, {TARGET} s per loss and seed at the size of `{DATASET}`, is {kept}: {seconds:.1f} s."
            )
    return found


def _peer(data: Mapping[str, Any]) -> list[str]:
    peer = data["peer"]
    if not peer:
        return []
    rows, whole = [], data["settings"]["whole_steps"]
    comparable = (result for result in data["results"] if result["size"] == DATASET and result["steps"] == whole)
    ours = next(comparable, None)
    for name in ("frozen", "whole"):
        step = median(peer[f"{name}_step_seconds"])
        image = median(peer[f"{name}_batch_seconds"]) / peer["batch"]
        total = whole * step + peer["val_images"] * image
        ratio = "-" if ours is None else f"{total / seconds_per_run(ours):.0f} x"
        rows.append((name, f"{step:.2f} s", f"{1000 * image:.0f} ms", f"{total / 60:.0f} min", ratio))
    headers = (
        "detector",
        "step of 16 images",
        "val image",
        f"{whole:,} steps and {peer['val_images']} images",
        "over the probe",
    )
    said = PEER.format(threads=peer["threads"], pass_steps=peer["train_images"] / 16)
    return ["## Without stored features", said, table(headers, rows, "lr")]


def _summary_row(result: Mapping[str, Any], data: Mapping[str, Any]) -> tuple[str, ...]:
    samples, runs = result["samples"], result["samples"][0]["runs"]
    scale = data["settings"]["whole_steps"] / result["steps"]
    training = [scale * _median(result, loss, "training_seconds") for loss in runs]
    evaluation = [_median(result, loss, "evaluation_seconds") for loss in runs]
    more = result["all_val"] / result["val_images"]
    return (
        result["size"],
        f"{result['classes']:,}",
        f"{result['bytes'] / 1e9:.1f} GB",
        f"{median(sample['seconds'] for sample in samples):.0f} s",
        f"{seconds_per_run(result):.1f} s" if scale == 1 else "-",
        _time(median(a + b for a, b in zip(training, evaluation, strict=True))),
        _time(median(a + more * b for a, b in zip(training, evaluation, strict=True))),
        f"{max(sample['memory_bytes'] for sample in samples) / 1e9:.1f} GB",
        f"{median(sample['load_before'] for sample in samples):.1f}",
    )


def _loss_row(result: Mapping[str, Any], loss: str, whole: int) -> tuple[str, ...]:
    step = _median(result, loss, "training_seconds") / result["steps"]
    image = _median(result, loss, "evaluation_seconds") / result["val_images"]
    peak = max(sample["runs"][loss]["peak_bytes"] for sample in result["samples"])
    return (
        result["size"],
        loss,
        f"{1000 * step:.1f}",
        _time(whole * step),
        f"{1000 * image:.1f}",
        _time(result["all_val"] * image),
        f"{peak / 1e9:.1f} GB",
    )


def _median(result: Mapping[str, Any], loss: str, key: str) -> float:
    return float(median(sample["runs"][loss][key] for sample in result["samples"]))


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"

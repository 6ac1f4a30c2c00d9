"""The same training without stored features, and a training of the whole detector, in a process of its own.

python -m benchmarks.probe.peer RECIPE REPEATS

The detector is a run's own, on images of glyphs-lt, with random weights: no time depends on them much. Frozen, it
passes each step's images through backbone, proposals and shared layers, and trains the classifier alone, as `probe`
does; a test holds the two equal, weight by weight.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from itertools import count, islice
from typing import Any

from benchmarks.common.processes import resident_peak
from benchmarks.probe import DATASET
from lt_bench.utils import threads

IMAGES = 16  # of a step, as in the probe


def main(recipe: str, repeats: str) -> None:
    import torch

    from lt_bench.data import dataset as datasets
    from lt_bench.features.images import test_images, training_images
    from lt_bench.features.model import choose_device, use_mmdet
    from lt_bench.run.config import resolve
    from lt_bench.run.experiment import Experiment

    torch.set_num_threads(threads.usable_cores())
    use_mmdet()
    data = datasets.load(datasets.find(DATASET, None))
    cfg = resolve(Experiment(loss="ce", dataset=DATASET, recipe=recipe, init="random"), data.paths, data.train)
    found: dict[str, Any] = {"threads": torch.get_num_threads(), "load_before": round(os.getloadavg()[0], 2)}
    for name in ("frozen", "whole"):
        step, batch = _calls(cfg, name == "frozen", choose_device(), training_images(cfg, 0, 0), test_images(cfg))
        found[f"{name}_step_seconds"] = _seconds(step, int(repeats))
        found[f"{name}_batch_seconds"] = _seconds(batch, int(repeats))
    found["batch"] = cfg.test_dataloader.batch_size
    found |= {"train_images": len(data.train.images), "val_images": len(data.val.images)}
    print(json.dumps({**found, "peak_bytes": resident_peak()}))


def _calls(cfg: Any, frozen: bool, device: Any, train: Any, test: Any) -> tuple[Callable[[], object], ...]:
    """A training step, and the prediction of a batch of images.

    frozen: all but the classifier; masks are left out then.
    """
    import torch
    from mmdet.registry import MODELS
    from mmengine.dataset import pseudo_collate
    from mmengine.optim import build_optim_wrapper

    from lt_bench.operators import in_use

    settings = cfg.model.copy()
    settings.backbone.init_cfg = None
    model = MODELS.build(settings).to(device)
    if device.type == "cpu" and in_use().reads_channels_last:
        model.to(memory_format=torch.channels_last)  # as a run has it
    if frozen:
        model.roi_head.mask_head = None
        model.requires_grad_(False)
        model.roi_head.bbox_head.fc_cls.requires_grad_(True)
    else:
        train = _with_masks(cfg)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    batches = [pseudo_collate([train[IMAGES * part + place] for place in range(IMAGES)]) for part in range(2)]
    tested = [data for _, data in islice(test.batches(0), 2)]
    steps, tests = count(), count()

    def step() -> object:
        model.train()
        return model.train_step(batches[next(steps) % 2], wrapper)["loss"].item()  # a GPU has finished then

    def batch() -> object:
        model.eval()
        with torch.inference_mode():
            return [sample.pred_instances.scores.cpu() for sample in model.test_step(tested[next(tests) % 2])]

    return step, batch


def _with_masks(cfg: Any) -> Any:
    """The training data as a run has it."""
    from mmdet.registry import DATASETS

    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    dataset.full_init()
    return dataset


def _seconds(call: Callable[[], object], repeats: int) -> list[float]:
    call()  # warms up
    samples = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        samples.append(float(f"{time.perf_counter() - begin:.4g}"))
    return samples


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Builds the training set of a config, says what it cost, and waits to be ended.

python -m benchmarks.startup.load_dataset CONFIG WORKERS      with workers, a loader has given some batches before
"""

import json
import sys
import time
from itertools import islice

from mmdet.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.utils import import_modules_from_strings
from torch.utils.data import DataLoader

from benchmarks.common.processes import resident_peak

BATCHES = 50


def main(config: str, workers: int) -> None:
    cfg = Config.fromfile(config)
    if "custom_imports" in cfg:
        import_modules_from_strings(**cfg.custom_imports)
    init_default_scope("mmdet")
    began = time.perf_counter()
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    seconds = time.perf_counter() - began
    pids = []
    if workers:
        loader = DataLoader(dataset, 2, True, num_workers=workers, collate_fn=len, persistent_workers=True)
        iterator = iter(loader)
        for _ in islice(iterator, BATCHES):
            pass
        pids = [worker.pid for worker in iterator._workers]  # type: ignore[attr-defined]
    report = {"seconds": seconds, "peak": resident_peak(), "images": len(dataset), "workers": pids}
    print(json.dumps(report), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

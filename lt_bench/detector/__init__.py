"""Everything that touches mmdet. Importing this package registers our modules with mmdet's registries."""

from lt_bench.detector import adapter, box_head, dataset, hooks, predictions

__all__ = ["adapter", "box_head", "dataset", "hooks", "predictions"]

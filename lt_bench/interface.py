"""The former home of LongTailLoss and ClassStats, for plugins that import them from here: use `lt_bench`."""

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.loss import LongTailLoss, widen

__all__ = ["ClassStats", "LongTailLoss", "widen"]

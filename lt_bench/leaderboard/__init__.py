"""The result records, and the pages that are made from them."""

from __future__ import annotations

from lt_bench.leaderboard.page import regenerate
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.store import add, read, read_all, record_path, write

__all__ = ["ResultRecord", "add", "read", "read_all", "record_path", "regenerate", "write"]

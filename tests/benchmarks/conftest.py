"""benchmarks/ is imported from the checkout: it is no part of what is installed."""

from __future__ import annotations

import sys
from pathlib import Path

# Last, so that an installed lt_bench stays before the checkout's.
sys.path.append(str(Path(__file__).resolve().parents[2]))

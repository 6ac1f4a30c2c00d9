"""What the benchmarks share."""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
# The two sides of a comparison, as the JSON files name them.
STOCK, OURS = "stock", "lt_bench"

"""The sums that losses are made of.

Each file begins with the plain formula, which every device but the CPU computes, compiled where that works
(compiled.py). The CPU's own way stands behind it and gives the same: it goes through the logits in portions of rows
that stay in the caches (chunks.py), and makes no one-hot target.
"""

from lt_bench.functional.binary_cross_entropy import binary_cross_entropy, sigmoid_gradient_sums
from lt_bench.functional.cross_entropy import cross_entropy
from lt_bench.functional.focal import focal_loss

__all__ = ["binary_cross_entropy", "cross_entropy", "focal_loss", "sigmoid_gradient_sums"]

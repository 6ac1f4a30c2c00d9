"""The sums that losses are made of."""

from lt_bench.functional.binary_cross_entropy import (
    binary_cross_entropy,
    cross_entropy,
    focal_loss,
    sigmoid_gradient_sums,
)

__all__ = ["binary_cross_entropy", "cross_entropy", "focal_loss", "sigmoid_gradient_sums"]

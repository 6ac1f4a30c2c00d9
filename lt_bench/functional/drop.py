"""Which negatives of tail classes DropLoss leaves out."""

from __future__ import annotations

from torch import Tensor


def dropped_background(labels: Tensor, tail: Tensor, uniform: Tensor) -> Tensor:
    """The negatives of background RoIs that are left out: bool [N, C].

    A tail class's negative of a background RoI is left out where its number of `uniform` exceeds rho, the share of RoIs
    of tail classes among the foreground RoIs of the batch. Without a foreground RoI nothing is left out.

    Args:
        labels: int64 [N] in 0..C, background is C.
        tail: bool [C].
        uniform: float [N, C] in [0, 1).
    """
    num_classes = len(tail)
    background = labels == num_classes
    of_tail = tail[labels.clamp(max=num_classes - 1)] & ~background
    rho = of_tail.sum() / (~background).sum()  # NaN without foreground: no number exceeds it
    return (uniform > rho) & tail & background[:, None]

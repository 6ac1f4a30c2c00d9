"""The box deltas of the N x C candidates of one image, given or computed when they are asked for.

Candidate i is RoI i // C as class i % C.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_ALL_FROM = 0.5  # share of all deltas, from which on the layer is computed as a whole


class Deltas(ABC):
    """num_classes: C."""

    num_classes: int

    @abstractmethod
    def __call__(self, candidates: Tensor) -> Tensor:
        """int64 [M] to deltas [M, 4]."""

    @abstractmethod
    def bound(self) -> Tensor:
        """What the absolute value of no delta exceeds, a scalar tensor. NaN if one of them may be NaN."""

    @abstractmethod
    def every(self) -> Tensor:
        """All of them, as mmdet has them: [N, C * 4]."""


class GivenDeltas(Deltas):
    """deltas [N, C * 4]."""

    def __init__(self, deltas: Tensor) -> None:
        self._deltas = deltas
        self.num_classes = deltas.shape[1] // 4

    def __call__(self, candidates: Tensor) -> Tensor:
        return self._deltas.reshape(-1, 4)[candidates]

    def bound(self) -> Tensor:
        return self._deltas.abs().max()

    def every(self) -> Tensor:
        return self._deltas


class LinearDeltas(Deltas):
    """Those of a linear layer, multiplied out for the RoIs and classes that occur among the candidates asked for.

    features [N, D], N > 0. layer: D to C * 4 numbers. longest: `longest_row(layer)`, which depends on no image.

    They are those of `layer(features)` but for the order in which a matrix product adds: the same bits with the
    libraries that were tried, unless a single RoI is asked for.
    """

    def __init__(self, features: Tensor, layer: nn.Linear, longest: Tensor) -> None:
        self._features, self._longest = features, longest
        self._weight, self._bias = layer.weight.view(-1, 4, layer.in_features), layer.bias.view(-1, 4)
        self.num_classes = len(self._weight)
        self._computed = 0  # deltas so far
        self._every: Tensor | None = None

    @staticmethod
    def longest_row(layer: nn.Linear) -> Tensor:
        """The largest L2 norm of the weights that give one number."""
        longest: Tensor = layer.weight.norm(dim=1).max()
        return longest

    def __call__(self, candidates: Tensor) -> Tensor:
        rows = torch.div(candidates, self.num_classes, rounding_mode="floor")
        labels = candidates % self.num_classes
        if self._every is None:
            row, place_of_row = _distinct(rows, len(self._features))
            label, place_of_label = _distinct(labels, self.num_classes)
            self._computed += len(row) * len(label)
            if self._computed <= _ALL_FROM * len(self._features) * self.num_classes:
                product = self._product(self._features[row], self._weight[label], self._bias[label])
                return product[place_of_row[rows], place_of_label[labels]]
        return self.every().view(-1, 4)[candidates]

    def bound(self) -> Tensor:
        """By Cauchy and Schwarz."""
        bound: Tensor = self._features.norm(dim=1).max() * self._longest + self._bias.abs().max()
        return bound

    def every(self) -> Tensor:
        if self._every is None:
            self._every = self._product(self._features, self._weight, self._bias).flatten(1)
        return self._every

    @staticmethod
    def _product(features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """features [n, D], weight [c, 4, D], bias [c, 4] to [n, c, 4]."""
        return F.linear(features, weight.flatten(0, 1), bias.flatten()).view(len(features), len(weight), 4)


def _distinct(values: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The distinct ones of some integers below `size`, ascending, and for each integer its place among them."""
    occurs = torch.zeros(size, dtype=torch.bool, device=values.device)
    occurs[values] = True
    return occurs.nonzero().squeeze(1), occurs.cumsum(0) - 1
